internal import JSON

/// Falcon: LayerNorm, attention and feed-forward layer side by side, no biases, and one module whose rows are the queries, the
/// key and the value of each key-value head in turn.
///
/// Small models have one key-value head and one norm for both sides. Large ones have several and, but for the 11B, a norm for
/// each side. A model without groups is the same as one with a single one, or with one a head, and is written so.
extension Family {
  static let falcon = Family(
    architecture: "falcon", modelType: "falcon", className: "FalconForCausalLM",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads("num_kv_heads"), .headDimension(nil),
      .context(2048),
      Setting(
        .size(\.feedForwardSize, limit: 1 << 31 - 1), "ffn_hidden_size", "feed_forward_length",
        default: .derived { 4 * Double($0.hiddenSize) }, gguf: .required),
      .layerEpsilon("layer_norm_epsilon"), Setting(.activation, "activation", nil, default: .asIs),
      .tied,
      Setting(.flag(\.isGrouped), "new_decoder_architecture", nil, default: .value(0)),
      Setting(.flag(\.isMultiQuery), "multi_query", nil, default: .value(1)),
      Setting(
        .size(\.parallelNormCount, limit: 2), "num_ln_in_parallel_attn", nil,
        default: .derived { $0.isGrouped ? 2 : 1 }, gguf: .asIs),
    ],
    inert: [
      "alibi": [false], "parallel_attn": [true], "bias": [false],
      "apply_residual_connection_post_layernorm": [false],
    ],
    names: falconNames([TensorNames.Row(.attentionNorm, "input_layernorm", "attn_norm")]),
    twoNorms: (
      falconNames([
        TensorNames.Row(.attentionNorm, "ln_attn", "attn_norm_2"),
        TensorNames.Row(.feedForwardNorm, "ln_mlp", "attn_norm"),
      ]), "blk.0.attn_norm_2.weight"
    ),
    fixed: { model in
      model.activation = .gelu
      model.hasTiedEmbeddings = true
    },
    settled: { model in
      if !model.isGrouped {
        model.keyValueHeadCount = model.isMultiQuery ? 1 : model.headCount
        model.parallelNormCount = 1
      }
      model.isGrouped = true
      model.isMultiQuery = true
    },
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.placement = .parallel(sharedNorm: model.parallelNormCount == 1)
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      block.attention.packing = .byGroup
      block.feedForward.packing = .plain
      return block
    })

  private static func falconNames(_ norms: [TensorNames.Row]) -> TensorNames {
    TensorNames(
      blockPrefix: "transformer.h.",
      norms + [
        TensorNames.Row(.embedding, "transformer.word_embeddings", "token_embd"),
        TensorNames.Row(.finalNorm, "transformer.ln_f", "output_norm"),
        TensorNames.Row(.head, "lm_head", "output"),
        TensorNames.Row(
          .linear(.queryKeyValue), "self_attention.query_key_value", "attn_qkv", .byGroup),
        TensorNames.Row(.linear(.output), "self_attention.dense", "attn_output"),
        TensorNames.Row(.linear(.up), "mlp.dense_h_to_4h", "ffn_up"),
        TensorNames.Row(.linear(.down), "mlp.dense_4h_to_h", "ffn_down"),
      ])
  }
}
