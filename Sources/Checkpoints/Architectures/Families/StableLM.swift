/// StableLM: Llama with LayerNorm and a quarter of each head turning, in two sizes with attention and feed-forward layer
/// side by side behind one norm, and in the largest a norm for every head of queries and keys.
extension Family {
  static let stableLM = Family(
    architecture: "stablelm", modelType: "stablelm", className: "StableLmForCausalLM",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(absent: 32), .headDimension(nil),
      .context(4096), .feedForwardSize, .layerEpsilon(), .activation, .tied,
      Setting(.biases([.query, .key, .value]), "use_qkv_bias", nil, default: .asIs),
      Setting(
        .flag(\.isParallel), "use_parallel_residual", "use_parallel_residual", default: .asIs),
      Setting(.flag(\.hasHeadNorms), "qk_layernorm", nil, default: .asIs),
    ],
    rotary: RotaryKeys(share: "partial_rotary_factor", defaultShare: 0.25),
    names: .llama(
      rotaryStorage: .asIs,
      more: [
        TensorNames.Row(.queryNorm, "self_attn.q_layernorm.norms", "attn_q_norm", .perHead),
        TensorNames.Row(.keyNorm, "self_attn.k_layernorm.norms", "attn_k_norm", .perHead),
      ]),
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.placement = model.isParallel ? .parallel(sharedNorm: true) : .pre
      if model.hasHeadNorms { block.attention.headNorm = .eachHead }
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      return block
    })
}
