internal import JSON

/// Gemma 1 to 3 (text): embeddings times √d, norms that store their difference from one, GELU; from 2 on norms behind
/// attention and feed-forward layer too, and windows in all blocks but every second or sixth.
extension Family {
  static let gemma = Family(
    architecture: "gemma", modelType: "gemma", className: "GemmaForCausalLM",
    settings: gemmaSettings(context: 8192, keyValueHeads: 16), inert: gemmaActivation,
    names: gemmaNames(norms: TensorNames.preNorms), fixed: gemmaFixed, block: gemmaBlock)

  static let gemma2 = Family(
    architecture: "gemma2", modelType: "gemma2", className: "Gemma2ForCausalLM",
    settings: gemmaSettings(context: 8192, keyValueHeads: 4) + [
      queryScale,
      Setting(
        .optional(\.attentionCap), "attn_logit_softcapping", "attn_logit_softcapping",
        default: .asIs, absent: 50),
      Setting(
        .optional(\.logitCap), "final_logit_softcapping", "final_logit_softcapping",
        default: .asIs, absent: 30),
    ],
    inert: gemmaActivation, window: .honoured(absent: 4096), honoursWindowInGGUF: true,
    names: gemmaNames(norms: sandwichNorms),
    fixed: { model in
      gemmaFixed(&model)
      model.windowInterval = 2
    },
    block: gemma2Block)

  static let gemma3 = Family(
    architecture: "gemma3", modelType: "gemma3_text", className: "Gemma3ForCausalLM",
    settings: gemmaSettings(context: 131_072, keyValueHeads: 4) + [
      queryScale,
      Setting(
        .optional(\.logitCap), "final_logit_softcapping", "final_logit_softcapping",
        default: .asIs),
      Setting(
        .count(\.windowInterval), "_sliding_window_pattern", "attention.sliding_window_pattern",
        default: .asIs),
      Setting(.count(\.windowInterval), "sliding_window_pattern", nil, default: .asIs),
    ],
    inert: gemmaActivation,
    rotary: RotaryKeys(
      defaultTheta: 1_000_000, localTheta: "rope_local_base_freq", defaultLocalTheta: 10_000),
    window: .honoured(absent: 4096), honoursWindowInGGUF: true,
    names: gemmaNames(
      norms: sandwichNorms + TensorNames.headNorms),
    fixed: { model in
      gemmaFixed(&model)
      model.windowInterval = 6
    },
    block: { layer, model in
      var block = gemma2Block(layer, model)
      block.attention.headNorm = .head
      return block
    })

  private static func gemmaSettings(context: Double, keyValueHeads: Double) -> [Setting] {
    llamaSettings(context: context, keyValueHeads: keyValueHeads, headDimension: 256)
      .filter { $0.huggingFace != "hidden_act" } + [
        .attentionBias,
        Setting(
          .number(\.embeddingScale), nil, nil,
          default: .derived { Double($0.hiddenSize).squareRoot() }),
      ]
  }

  /// The width of which attention's scale is the inverse root.
  ///
  /// A GGUF file does not say it: llama.cpp knows the two largest by their blocks, of all others it is the head's.
  private static let queryScale = Setting(
    .optional(\.queryScaleWidth), "query_pre_attn_scalar", nil, default: .value(256),
    gguf: .derived {
      [46, 62].contains($0.layerCount)
        ? Double($0.hiddenSize / $0.headCount) : Double($0.headDimension)
    })

  /// Early files name the exact function and mean its approximation, with which all were trained.
  private static let gemmaActivation: [String: [JSONValue]] = [
    "hidden_act": ["gelu_pytorch_tanh", "gelu"], "hidden_activation": ["gelu_pytorch_tanh"],
    "sliding_window_size": [],
  ]

  @Sendable private static func gemmaFixed(_ model: inout DecoderConfiguration) {
    model.activation = .geluTanh
    model.hasTiedEmbeddings = true
  }

  @Sendable private static func gemmaBlock(_ layer: Int, _ model: DecoderConfiguration) -> Block {
    var block = model.standardBlock(layer)
    block.norm.offset = 1
    return block
  }

  @Sendable private static func gemma2Block(_ layer: Int, _ model: DecoderConfiguration) -> Block {
    var block = gemmaBlock(layer, model)
    block.placement = .sandwich
    return block
  }

  private static let sandwichNorms = [
    TensorNames.Row(.attentionNorm, "input_layernorm", "attn_norm"),
    TensorNames.Row(.attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
    TensorNames.Row(.feedForwardNorm, "pre_feedforward_layernorm", "ffn_norm"),
    TensorNames.Row(.feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
  ]

  /// Llama's names, with norms to which GGUF adds one.
  private static func gemmaNames(norms: [TensorNames.Row]) -> TensorNames {
    let plain = TensorNames.llama(rotaryStorage: .asIs, norms: norms)
    return TensorNames(
      plain.rows.map { row in
        switch row.role {
        case .linear, .embedding, .head, .positions, .classes: row
        default: TensorNames.Row(row.role, row.huggingFace, row.gguf, .plusOne)
        }
      })
  }
}
