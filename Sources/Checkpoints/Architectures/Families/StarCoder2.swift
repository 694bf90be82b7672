internal import JSON

/// StarCoder2: LayerNorm and a feed-forward layer without gate, biases everywhere or nowhere.
extension Family {
  static let starCoder2 = Family(
    architecture: "starcoder2", modelType: "starcoder2", className: "Starcoder2ForCausalLM",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(absent: 2), .headDimension(nil),
      .context(4096), .feedForwardSize, .layerEpsilon("norm_epsilon"), .activation, .tied,
      Setting(
        .biases([.query, .key, .value, .output, .up, .down]), "use_bias", nil, default: .asIs),
    ],
    inert: [
      "mlp_type": ["default"], "norm_type": ["layer_norm"], "attention_softmax_in_fp32": [],
      "scale_attention_softmax_in_fp32": [],
    ],
    window: .honoured(absent: nil),
    names: TensorNames(
      TensorNames.vocabulary + TensorNames.preNorms + [
        TensorNames.Row(.linear(.query), "self_attn.q_proj", "attn_q"),
        TensorNames.Row(.linear(.key), "self_attn.k_proj", "attn_k"),
        TensorNames.Row(.linear(.value), "self_attn.v_proj", "attn_v"),
        TensorNames.Row(.linear(.output), "self_attn.o_proj", "attn_output"),
        TensorNames.Row(.linear(.up), "mlp.c_fc", "ffn_up"),
        TensorNames.Row(.linear(.down), "mlp.c_proj", "ffn_down"),
      ]),
    biases: [.query, .key, .value, .output, .up, .down],
    fixed: { model in
      model.activation = .geluTanh
      model.hasTiedEmbeddings = true
    },
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      block.feedForward.packing = .plain
      return block
    })
}
