internal import JSON

/// GPT-2: learned positions, LayerNorm, one module of queries, keys and values, and weights that Hugging Face stores
/// `[inFeatures, outFeatures]`.
extension Family {
  static let gpt2 = Family(
    architecture: "gpt2", modelType: "gpt2", className: "GPT2LMHeadModel",
    settings: [
      .size(\.hiddenSize, "n_embd", "embedding_length"),
      .size(\.layerCount, "n_layer", "block_count", limit: 1 << 16),
      .size(\.headCount, "n_head", "attention.head_count", limit: 1 << 16),
      .keyValueHeads(nil), .headDimension(nil), .context(1024, "n_positions"),
      Setting(
        .size(\.feedForwardSize, limit: 1 << 31 - 1), "n_inner", "feed_forward_length",
        default: .derived { 4 * Double($0.hiddenSize) }, gguf: .required),
      .layerEpsilon("layer_norm_epsilon"),
      Setting(.activation, "activation_function", nil, default: .asIs), .tied,
      Setting(
        .flag(\.dividesAttentionByLayer), "scale_attn_by_inverse_layer_idx", nil, default: .asIs),
    ],
    inert: [
      "scale_attn_weights": [true], "n_ctx": [], "reorder_and_upcast_attn": [],
      "summary_type": [], "summary_use_proj": [], "summary_activation": [],
      "summary_proj_to_labels": [], "summary_first_dropout": [],
    ],
    rotary: nil,
    names: TensorNames(
      blockPrefix: "transformer.h.",
      [
        TensorNames.Row(.embedding, "transformer.wte", "token_embd"),
        TensorNames.Row(.positions, "transformer.wpe", "position_embd"),
        TensorNames.Row(.finalNorm, "transformer.ln_f", "output_norm"),
        TensorNames.Row(.head, "lm_head", "output"),
        TensorNames.Row(.attentionNorm, "ln_1", "attn_norm"),
        TensorNames.Row(.feedForwardNorm, "ln_2", "ffn_norm"),
        TensorNames.Row(.linear(.queryKeyValue), "attn.c_attn", "attn_qkv", .transposed),
        TensorNames.Row(.linear(.output), "attn.c_proj", "attn_output", .transposed),
        TensorNames.Row(.linear(.up), "mlp.c_fc", "ffn_up", .transposed),
        TensorNames.Row(.linear(.down), "mlp.c_proj", "ffn_down", .transposed),
      ]),
    biases: [.queryKeyValue, .output, .up, .down], derived: ["attn.bias", "attn.masked_bias"],
    fixed: { model in
      model.activation = .geluTanh
      model.hasTiedEmbeddings = true
    },
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      block.attention.packing = .stacked
      block.attention.rotary = nil
      block.feedForward.packing = .plain
      return block
    })
}
