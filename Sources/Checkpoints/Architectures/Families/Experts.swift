internal import JSON

/// Mixtures of experts: Mixtral, which is Llama, Qwen1.5-MoE and Qwen2-MoE, where all tokens go to one more expert, and Qwen3-MoE.
///
/// Every block of a GGUF file has experts. Mixtral's GGUF files have the architecture of Llama's, and Llama's rows of queries and keys.
extension Family {
  static let qwen2Experts = Family(
    architecture: "qwen2moe", modelType: "qwen2_moe", className: "Qwen2MoeForCausalLM",
    settings: qwenExpertSettings(keyValueHeads: 16) + [
      .size(
        \.sharedExpertSize, "shared_expert_intermediate_size", "expert_shared_feed_forward_length"),
      Setting(.biases([.query, .key, .value]), "qkv_bias", nil, default: .value(1)),
    ],
    inert: qwenExpertInert, window: .flagged,
    names: .experts(rotaryStorage: .asIs, more: TensorNames.sharedExpert), hasExperts: true,
    block: { $1.expertBlock($0) })

  static let qwen3Experts = Family(
    architecture: "qwen3moe", modelType: "qwen3_moe", className: "Qwen3MoeForCausalLM",
    settings: qwenExpertSettings(keyValueHeads: 4) + [.attentionBias],
    inert: qwenExpertInert, window: .flagged,
    names: .experts(rotaryStorage: .asIs, more: TensorNames.headNorms), hasExperts: true,
    // llama.cpp has no key for it.
    fixed: { $0.normalizesExperts = true },
    block: { layer, model in
      var block = model.expertBlock(layer)
      block.attention.headNorm = .head
      return block
    })

  static let mixtral = Family(
    architecture: "llama", modelType: "mixtral", className: "MixtralForCausalLM",
    settings: llamaSettings(context: 131_072, keyValueHeads: 8, epsilon: 1e-5) + [
      .expertCount("num_local_experts", or: "num_experts", absent: 8), .expertUsedCount(absent: 2),
    ],
    inert: expertInert, rotary: RotaryKeys(defaultTheta: 1e6), window: .honoured(absent: nil),
    names: .experts(
      rotaryStorage: .rotaryPairs, module: "block_sparse_moe", gate: "w1", up: "w3", down: "w2"),
    hasExperts: true, fixed: { $0.normalizesExperts = true },
    block: { layer, model in
      var block = model.expertBlock(layer)
      block.experts?.feedForward.size = model.feedForwardSize
      return block
    })

  private static func qwenExpertSettings(keyValueHeads: Double) -> [Setting] {
    llamaSettings(context: 32_768, keyValueHeads: keyValueHeads) + [
      .expertCount("num_experts", or: "num_local_experts"), .expertUsedCount(),
      .size(\.expertSize, "moe_intermediate_size", "expert_feed_forward_length"),
      Setting(.flag(\.normalizesExperts), "norm_topk_prob", nil, default: .value(0)),
      Setting(
        .size(\.expertInterval, limit: 1 << 16), "decoder_sparse_step", nil, default: .value(1)),
      Setting(.blocks(\.denseLayers), "mlp_only_layers", nil, default: .asIs),
    ]
  }

  /// What only training reads.
  private static let expertInert: [String: [JSONValue]] = [
    "output_router_logits": [], "router_aux_loss_coef": [], "router_jitter_noise": [],
  ]

  /// Windows are not read.
  private static let qwenExpertInert = expertInert.merging(["use_sliding_window": [false]]) { $1 }
}

extension Setting {
  fileprivate static func expertCount(
    _ huggingFace: String, or alias: String, absent: Double? = nil
  ) -> Setting {
    var setting = Setting(
      .size(\.expertCount, limit: 1 << 16), huggingFace, "expert_count", default: .required,
      absent: absent)
    setting.huggingFaceAlias = alias
    return setting
  }

  fileprivate static func expertUsedCount(absent: Double? = nil) -> Setting {
    Setting(
      .size(\.expertUsedCount, limit: 1 << 16), "num_experts_per_tok", "expert_used_count",
      default: .required, absent: absent)
  }
}

extension TensorNames {
  /// The names of Llama with experts in the place of the feed-forward layer.
  fileprivate static func experts(
    rotaryStorage: Storage, module: String = "mlp", gate: String = "gate_proj",
    up: String = "up_proj", down: String = "down_proj", more: [Row] = []
  ) -> TensorNames {
    let dense: Set<TensorRole> = [.linear(.gate), .linear(.up), .linear(.down)]
    let rows = llama(rotaryStorage: rotaryStorage).rows.filter { !dense.contains($0.role) }
    let expert = "\(module).experts.\(Self.expert)"
    return TensorNames(
      rows + [
        Row(.router, "\(module).gate", "ffn_gate_inp"),
        Row(.linear(.expert(0, .gate)), "\(expert).\(gate)", "ffn_gate_exps", .perExpert),
        Row(.linear(.expert(0, .up)), "\(expert).\(up)", "ffn_up_exps", .perExpert),
        Row(.linear(.expert(0, .down)), "\(expert).\(down)", "ffn_down_exps", .perExpert),
      ] + more)
  }

  fileprivate static let sharedExpert = [
    Row(.sharedGate, "mlp.shared_expert_gate", "ffn_gate_inp_shexp", .oneRow),
    Row(.linear(.gate), "mlp.shared_expert.gate_proj", "ffn_gate_shexp"),
    Row(.linear(.up), "mlp.shared_expert.up_proj", "ffn_up_shexp"),
    Row(.linear(.down), "mlp.shared_expert.down_proj", "ffn_down_shexp"),
  ]
}

extension DecoderConfiguration {
  /// A block as most families have it with experts for its feed-forward layer, where it has any.
  fileprivate func expertBlock(_ layer: Int) -> Block {
    var block = standardBlock(layer)
    guard !layersWithoutExperts.contains(layer) else { return block }
    block.experts = Block.Experts(
      count: expertCount, used: expertUsedCount, normalizes: normalizesExperts,
      feedForward: Block.FeedForward(size: expertSize, activation: activation))
    block.feedForward.size = sharedExpertSize
    return block
  }
}
