internal import JSON

/// BERT, RoBERTa and XLM-RoBERTa: encoders whose tokens see each other, with LayerNorm behind the sums and behind the embeddings,
/// learned positions, and biases everywhere.
///
/// In GGUF all three are `bert`, told apart by the model of their vocabulary (`formats/gguf.md` §7.5).
///
/// Sources: Devlin et al., arXiv 1810.04805; Liu et al., arXiv 1907.11692; Transformers' `modeling_bert`, `modeling_roberta`;
/// llama.cpp's `conversion/bert.py`.
extension Family {
  static let bert = Family(
    architecture: "bert", vocabularyInGGUF: "bert", modelType: "bert",
    className: "BertForSequenceClassification", settings: encoderSettings,
    inert: encoderInert, ggufInert: encoderInertInGGUF, ggufDemanded: encoderDemandedInGGUF,
    hasClassesInGGUF: true, rotary: nil,
    names: encoderNames(
      "bert",
      // In GGUF there is neither: `cls` and `cls.output` there are a head that lacks its pooler.
      more: [
        TensorNames.Row(.pooler, "bert.pooler.dense", "pooler"),
        TensorNames.Row(.classes, "classifier", "classifier"),
      ]),
    biases: encoderBiases,
    classForm: ClassHead.Form(pooling: .first, dense: .base, hasBias: true),
    otherHeads: ["cls."], derived: ["bert.embeddings.position_ids"], fixed: encoderFixed,
    block: encoderBlock)

  static let roberta = robertaLike(
    modelType: "roberta", className: "RobertaForSequenceClassification", vocabulary: "gpt2")

  static let xlmRoberta = robertaLike(
    modelType: "xlm-roberta", className: "XLMRobertaForSequenceClassification", vocabulary: "t5")

  /// RoBERTa and what differs from it in training alone: the head has the dense layer, and rows of positions begin behind
  /// that of the padding token.
  private static func robertaLike(
    modelType: String, className: String, vocabulary: String
  ) -> Family {
    Family(
      architecture: "roberta", sharedArchitecture: "bert", vocabularyInGGUF: vocabulary,
      modelType: modelType, className: className,
      settings: encoderSettings + [
        Setting(.count(\.positionOffset), "pad_token_id", nil, default: .value(1))
      ],
      inert: encoderInert, ggufInert: encoderInertInGGUF, ggufDemanded: encoderDemandedInGGUF,
      hasClassesInGGUF: true, rotary: nil,
      names: encoderNames(
        "roberta", positions: .behindOffset,
        more: [
          TensorNames.Row(.pooler, "classifier.dense", "cls"),
          TensorNames.Row(.classes, "classifier.out_proj", "cls.output"),
        ]),
      biases: encoderBiases,
      classForm: ClassHead.Form(pooling: .first, dense: .head, hasBias: true),
      // The pooler was trained for nothing, and no class of these reads it.
      otherHeads: ["lm_head.", "roberta.pooler.", "pooler."],
      derived: ["roberta.embeddings.position_ids"], fixed: encoderFixed,
      settled: { model in
        model.positionOffset += 1
        model.contextLength -= model.positionOffset
      },
      unsettled: { model in
        model.contextLength += model.positionOffset
        model.positionOffset -= 1
      },
      block: encoderBlock)
  }

  private static let encoderSettings: [Setting] =
    encoderShape(epsilon: 1e-12) + [
      Setting(.size(\.tokenTypeCount, limit: 1 << 16), "type_vocab_size", nil, default: .value(2))
    ]

  /// The settings that encoders share.
  static func encoderShape(epsilon: Double) -> [Setting] {
    [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(nil), .headDimension(nil),
      .context(512), .feedForwardSize,
      Setting(
        .number(\.normEpsilon), "layer_norm_eps", "attention.layer_norm_epsilon",
        default: .value(epsilon), gguf: .required),
      .activation,
    ]
  }

  static let encoderInert: [String: [JSONValue]] = [
    "position_embedding_type": ["absolute"], "is_decoder": [false],
    // The head for masked tokens alone is tied, and that is not used.
    "tie_word_embeddings": [], "attention_probs_dropout_prob": [], "hidden_dropout_prob": [],
    "output_past": [], "directionality": ["bidi"], "pooler_fc_size": [],
    "pooler_num_attention_heads": [], "pooler_num_fc_layers": [], "pooler_size_per_head": [],
    "pooler_type": ["first_token_transform"],
  ]

  /// How states become the embedding of a text, which is nobody's here.
  private static let encoderInertInGGUF: Set<String> = ["pooling_type"]

  private static let encoderDemandedInGGUF = ["attention.causal": false]

  static let encoderBiases: Set<LinearKind> = [.query, .key, .value, .output, .up, .down]

  @Sendable static func encoderFixed(_ model: inout DecoderConfiguration) {
    model.activation = .gelu
  }

  @Sendable static func encoderBlock(_ layer: Int, _ model: DecoderConfiguration) -> Block {
    var block = model.standardBlock(layer)
    block.placement = .postSum
    block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
    block.attention.mask = .full
    block.attention.rotary = nil
    block.feedForward.packing = .plain
    return block
  }

  /// The names of an encoder whose first component is `name`.
  ///
  /// - Parameters:
  ///   - projections: What the names of queries, keys and values end with.
  ///   - hasPositions: Whether positions and kinds of texts have embeddings.
  ///   - positions: How those of positions are stored.
  ///   - more: The rows of its own.
  static func encoderNames(
    _ name: String, projections: String = "", hasPositions: Bool = true,
    positions: TensorNames.Storage = .asIs, more: [TensorNames.Row]
  ) -> TensorNames {
    let embeddings = name + ".embeddings."
    let places = [
      TensorNames.Row(.positions, embeddings + "position_embeddings", "position_embd", positions),
      TensorNames.Row(.tokenTypes, embeddings + "token_type_embeddings", "token_types"),
    ]
    let attention = "attention.self."
    return TensorNames(
      blockPrefix: name + ".encoder.layer.",
      [TensorNames.Row(.embedding, embeddings + "word_embeddings", "token_embd")]
        + (hasPositions ? places : [])
        + [
          TensorNames.Row(.embeddingNorm, embeddings + "LayerNorm", "token_embd_norm"),
          TensorNames.Row(.linear(.query), attention + "query" + projections, "attn_q"),
          TensorNames.Row(.linear(.key), attention + "key" + projections, "attn_k"),
          TensorNames.Row(.linear(.value), attention + "value" + projections, "attn_v"),
          TensorNames.Row(.linear(.output), "attention.output.dense", "attn_output"),
          TensorNames.Row(.attentionPostNorm, "attention.output.LayerNorm", "attn_output_norm"),
          TensorNames.Row(.linear(.up), "intermediate.dense", "ffn_up"),
          TensorNames.Row(.linear(.down), "output.dense", "ffn_down"),
          TensorNames.Row(.feedForwardPostNorm, "output.LayerNorm", "layer_output_norm"),
        ] + more)
  }
}
