internal import JSON

/// Vision transformers: an image's patches in the place of tokens, behind a state that answers; blocks as those of decoders with
/// norms in front, whose states all see each other (`formats/hf.md` §3.8).
///
/// Sources: Dosovitskiy et al., arXiv 2010.11929; Transformers' `modeling_vit`.
extension Family {
  static let vit = Family(
    architecture: "vit", isInGGUF: false, modelType: "vit",
    className: "ViTForImageClassification",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(nil), .headDimension(nil),
      .feedForwardSize,
      Setting(
        .number(\.normEpsilon), "layer_norm_eps", "attention.layer_norm_epsilon",
        default: .value(1e-12), gguf: .required),
      .activation,
      Setting(.biases([.query, .key, .value]), "qkv_bias", nil, default: .asIs),
      Setting(
        .sides(\.images.height, \.images.width), "image_size", nil, default: .value(224)),
      Setting(
        .sides(\.images.patchHeight, \.images.patchWidth), "patch_size", nil,
        default: .value(16)),
      Setting(
        .size(\.images.channels, limit: 1 << 10), "num_channels", nil, default: .value(3)),
    ],
    inert: [
      "attention_probs_dropout_prob": [], "hidden_dropout_prob": [], "encoder_stride": [],
      // Of a pooler that no class of images reads.
      "pooler_act": [], "pooler_output_size": [],
    ],
    rotary: nil, names: vitNames, biases: encoderBiases,
    classForm: ClassHead.Form(pooling: .first, dense: nil, hasBias: true),
    otherHeads: ["vit.pooler.", "pooler.", "decoder."],
    // What stands for hidden patches while a model without classes is trained.
    derived: ["vit.embeddings.mask_token"], fixed: encoderFixed,
    settled: { model in
      let image = model.images
      model.contextLength = image.problem == nil ? image.patchCount + 1 : 1
    },
    problem: { $0.images.problem },
    block: { layer, model in
      var block = encoderBlock(layer, model)
      block.placement = .pre
      return block
    })

  private static let vitNames: TensorNames = {
    let embeddings = "vit.embeddings."
    let attention = "attention.attention."
    return TensorNames(
      blockPrefix: "vit.encoder.layer.",
      [
        TensorNames.Row(.classToken, embeddings + "cls_token", "v.class_embd", .bare),
        TensorNames.Row(
          .patchPositions, embeddings + "position_embeddings", "v.position_embd", .bare),
        TensorNames.Row(.patches, embeddings + "patch_embeddings.projection", "v.patch_embd"),
        TensorNames.Row(.attentionNorm, "layernorm_before", "ln1"),
        TensorNames.Row(.linear(.query), attention + "query", "attn_q", also: "attention.q_proj"),
        TensorNames.Row(.linear(.key), attention + "key", "attn_k", also: "attention.k_proj"),
        TensorNames.Row(.linear(.value), attention + "value", "attn_v", also: "attention.v_proj"),
        TensorNames.Row(
          .linear(.output), "attention.output.dense", "attn_out", also: "attention.o_proj"),
        TensorNames.Row(.feedForwardNorm, "layernorm_after", "ln2"),
        TensorNames.Row(.linear(.up), "intermediate.dense", "ffn_up", also: "mlp.fc1"),
        TensorNames.Row(.linear(.down), "output.dense", "ffn_down", also: "mlp.fc2"),
        TensorNames.Row(.finalNorm, "vit.layernorm", "post_ln"),
        TensorNames.Row(.classes, "classifier", "cls"),
      ], alsoPrefix: "vit.layers.")
  }()
}
