/// SmolLM3: Llama, of which every fourth block knows no positions.
///
/// llama.cpp fixes the four; `config.json` may say otherwise.
extension Family {
  static let smolLM3 = Family(
    architecture: "smollm3", modelType: "smollm3", className: "SmolLM3ForCausalLM",
    settings: llamaSettings(context: 32_768, keyValueHeads: 4) + [
      .attentionBias, .feedForwardBias,
      Setting(.flags(\.rotaryLayers), "no_rope_layers", nil, default: .asIs),
      Setting(.count(\.rotaryInterval), "no_rope_layer_interval", nil, default: .asIs),
    ],
    // Of the size of a vocabulary's own: what the class would fill in.
    rotary: RotaryKeys(defaultTheta: 2_000_000), window: .flagged, names: .llama,
    fixed: { model in
      model.rotaryInterval = 4
      model.hasTiedEmbeddings = true
    })
}
