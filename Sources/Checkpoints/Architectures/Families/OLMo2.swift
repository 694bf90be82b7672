/// OLMo 2: norms only behind attention and feed-forward layer, and of all heads of queries and keys together.
extension Family {
  static let olmo2 = Family(
    architecture: "olmo2", modelType: "olmo2", className: "Olmo2ForCausalLM",
    settings: llamaSettings(context: 2048, epsilon: 1e-5) + [.attentionBias],
    names: .llama(
      rotaryStorage: .asIs,
      norms: [
        TensorNames.Row(
          .attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
        TensorNames.Row(
          .feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
      ], more: TensorNames.headNorms),
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.placement = .post
      block.attention.headNorm = .projection
      return block
    })
}
