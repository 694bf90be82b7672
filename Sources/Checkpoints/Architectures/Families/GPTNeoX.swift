/// GPT-NeoX and Pythia: LayerNorm, attention and feed-forward layer side by side, one module whose rows are query, key
/// and value of each head in turn, and a quarter of each head turning.
extension Family {
  static let gptNeoX = Family(
    architecture: "gptneox", modelType: "gpt_neox", className: "GPTNeoXForCausalLM",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(nil), .headDimension(nil),
      .context(2048), .feedForwardSize, .layerEpsilon(), .activation, .tied,
      Setting(
        .flag(\.isParallel), "use_parallel_residual", "use_parallel_residual", default: .asIs),
      Setting(.biases([.queryKeyValue, .output]), "attention_bias", nil, default: .asIs),
    ],
    rotary: RotaryKeys(theta: "rotary_emb_base", share: "rotary_pct", defaultShare: 0.25),
    names: TensorNames(
      blockPrefix: "gpt_neox.layers.",
      [
        TensorNames.Row(.embedding, "gpt_neox.embed_in", "token_embd"),
        TensorNames.Row(.finalNorm, "gpt_neox.final_layer_norm", "output_norm"),
        TensorNames.Row(.head, "embed_out", "output"),
        TensorNames.Row(.attentionNorm, "input_layernorm", "attn_norm"),
        TensorNames.Row(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
        TensorNames.Row(
          .linear(.queryKeyValue), "attention.query_key_value", "attn_qkv", .byGroup),
        TensorNames.Row(.linear(.output), "attention.dense", "attn_output"),
        TensorNames.Row(.linear(.up), "mlp.dense_h_to_4h", "ffn_up"),
        TensorNames.Row(.linear(.down), "mlp.dense_4h_to_h", "ffn_down"),
      ]),
    biases: [.queryKeyValue, .output, .up, .down],
    derived: ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"],
    fixed: { model in
      model.activation = .gelu
      model.isParallel = true
    },
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.placement = model.isParallel ? .parallel(sharedNorm: false) : .pre
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      block.attention.packing = .byGroup
      block.feedForward.packing = .plain
      return block
    })
}
