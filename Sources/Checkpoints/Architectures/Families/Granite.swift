/// Granite 3: Llama with four multipliers.
extension Family {
  static let granite = Family(
    architecture: "granite", modelType: "granite", className: "GraniteForCausalLM",
    settings: llamaSettings(context: 2048) + [
      .attentionBias, .feedForwardBias,
      Setting(
        .number(\.embeddingScale), "embedding_multiplier", "embedding_scale", default: .value(1)),
      Setting(
        .number(\.residualScale), "residual_multiplier", "residual_scale", default: .value(1)),
      Setting(.number(\.logitDivisor), "logits_scaling", "logit_scale", default: .value(1)),
      Setting(
        .optional(\.attentionScale), "attention_multiplier", "attention.scale", default: .value(1),
        gguf: .derived { 1 / Double($0.headDimension).squareRoot() }),
    ],
    names: .llama, classForm: nil)
}
