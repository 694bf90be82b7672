/// Qwen2 and Qwen2.5, whose queries, keys and values always have biases, and Qwen3, which norms every head of queries
/// and keys.
extension Family {
  static let qwen2 = Family(
    architecture: "qwen2", modelType: "qwen2", className: "Qwen2ForCausalLM",
    settings: llamaSettings(context: 32_768, keyValueHeads: 32), window: .flagged,
    names: .llama(rotaryStorage: .asIs), biases: [.query, .key, .value])

  static let qwen3 = Family(
    architecture: "qwen3", modelType: "qwen3", className: "Qwen3ForCausalLM",
    settings: llamaSettings(context: 32_768, keyValueHeads: 32, headDimension: 128) + [
      .attentionBias
    ],
    window: .flagged, names: .llama(rotaryStorage: .asIs, more: TensorNames.headNorms),
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.attention.headNorm = .head
      return block
    })
}

extension TensorNames {
  static let headNorms = [
    Row(.queryNorm, "self_attn.q_norm", "attn_q_norm"),
    Row(.keyNorm, "self_attn.k_norm", "attn_k_norm"),
  ]
}
