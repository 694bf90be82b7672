internal import JSON

/// Llama 1 to 3, TinyLlama, SmolLM and SmolLM2, and Mistral, whose Hugging Face form differs in defaults and honours
/// its window.
extension Family {
  static let llama = Family(
    architecture: "llama", modelType: "llama", className: "LlamaForCausalLM",
    settings: llamaSettings(context: 2048) + [.attentionBias, .feedForwardBias],
    inert: ["rope_interleaved": [false], "is_llama_config": [], "max_sequence_length": []],
    names: .llama)

  static let mistral = Family(
    architecture: "llama", modelType: "mistral", className: "MistralForCausalLM",
    settings: llamaSettings(context: 131_072, keyValueHeads: 8),
    // Linear modules of Mistral never have one.
    inert: ["attention_bias": [false], "mlp_bias": [false]],
    window: .honoured(absent: 4096), names: .llama)

  /// What most families share with Llama.
  static func llamaSettings(
    context: Double, keyValueHeads: Double? = nil, headDimension: Double? = nil,
    epsilon: Double = 1e-6
  ) -> [Setting] {
    [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(absent: keyValueHeads),
      .headDimension(absent: headDimension), .context(context), .feedForwardSize,
      .rmsEpsilon(epsilon), .activation,
      .tied,
    ]
  }
}

extension TensorNames {
  /// The names of Llama and Mistral.
  public static let llama = llama(rotaryStorage: .rotaryPairs)

  /// The names of Llama, which most families use; `rotaryStorage` is that of queries and keys in GGUF.
  static func llama(rotaryStorage: Storage, norms: [Row]? = nil, more: [Row] = []) -> TensorNames {
    TensorNames(
      vocabulary + (norms ?? preNorms) + [
        Row(.linear(.query), "self_attn.q_proj", "attn_q", rotaryStorage),
        Row(.linear(.key), "self_attn.k_proj", "attn_k", rotaryStorage),
        Row(.linear(.value), "self_attn.v_proj", "attn_v"),
        Row(.linear(.output), "self_attn.o_proj", "attn_output"),
        Row(.linear(.gate), "mlp.gate_proj", "ffn_gate"),
        Row(.linear(.up), "mlp.up_proj", "ffn_up"),
        Row(.linear(.down), "mlp.down_proj", "ffn_down"),
      ] + more)
  }

  static let vocabulary = [
    Row(.embedding, "model.embed_tokens", "token_embd"),
    Row(.finalNorm, "model.norm", "output_norm"), Row(.head, "lm_head", "output"),
  ]

  static let preNorms = [
    Row(.attentionNorm, "input_layernorm", "attn_norm"),
    Row(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
  ]
}
