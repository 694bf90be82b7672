internal import JSON

/// DeBERTa-v3, and v2 without its convolution: BERT whose positions enter attention alone, as distances between tokens that have
/// embeddings; these go through the projections of queries and keys, too (`formats/hf.md` §3.7).
///
/// Sources: He et al., arXiv 2006.03654 and 2111.09543; Transformers' `modeling_deberta_v2`.
extension Family {
  static let debertaV2 = Family(
    architecture: "deberta-v2", isInGGUF: false, modelType: "deberta-v2",
    className: "DebertaV2ForSequenceClassification",
    settings: encoderShape(epsilon: 1e-7) + [
      Setting(.bound(\.positionBuckets), "position_buckets", nil, default: .asIs),
      Setting(.bound(\.relativeReach), "max_relative_positions", nil, default: .asIs),
      Setting(.same(\.headDimension), "attention_head_size", nil, default: .asIs),
      Setting(.same(\.hiddenSize), "embedding_size", nil, default: .asIs),
      Setting(.same(\.hiddenSize), "pooler_hidden_size", nil, default: .asIs),
    ],
    inert: encoderInert.merging(
      [
        "type_vocab_size": [0], "pooler_hidden_act": ["gelu"], "pooler_dropout": [],
        "cls_dropout": [], "conv_kernel_size": [0], "conv_groups": [], "conv_act": [],
        // Which head for masked tokens there is, and that is not used.
        "legacy": [], "summary_type": [],
      ], uniquingKeysWith: { $1 }),
    demanded: [
      "relative_attention": [true], "position_biased_input": [false], "share_att_key": [true],
      "norm_rel_ebd": ["layer_norm"],
      "pos_att_type": ["p2c|c2p", "c2p|p2c", ["p2c", "c2p"], ["c2p", "p2c"]],
    ],
    rotary: nil, names: debertaNames, biases: encoderBiases,
    classForm: ClassHead.Form(pooling: .first, dense: .head, function: .gelu, hasBias: true),
    otherHeads: ["cls.", "lm_predictions.", "mask_predictions."],
    // Embeddings of positions are in some files, and no model of these settings adds them.
    derived: [
      "deberta.embeddings.position_ids", "deberta.embeddings.position_embeddings.weight",
    ],
    fixed: encoderFixed,
    problem: { model in
      let relative = distances(model)
      return relative.isUsable
        ? nil
        : "position_buckets \(relative.span) do not fit max_relative_positions \(relative.reach)"
    },
    block: { layer, model in
      var block = encoderBlock(layer, model)
      block.attention.relative = distances(model)
      // Three products are added: of contents, and of each with the other's distance.
      block.attention.scale = 1 / (3 * Double(model.headDimension)).squareRoot()
      return block
    })

  private static func distances(_ model: DecoderConfiguration) -> RelativePositions {
    RelativePositions(
      buckets: model.positionBuckets, reach: model.relativeReach ?? model.contextLength)
  }

  private static let debertaNames = encoderNames(
    "deberta", projections: "_proj", hasPositions: false,
    more: [
      TensorNames.Row(.relativePositions, "deberta.encoder.rel_embeddings", "rel_embd"),
      TensorNames.Row(.relativeNorm, "deberta.encoder.LayerNorm", "rel_embd_norm"),
      TensorNames.Row(.pooler, "pooler.dense", "cls"),
      TensorNames.Row(.classes, "classifier", "cls.output"),
    ])
}
