internal import JSON

/// Phi-3, Phi-3.5 and Phi-4: Llama with queries, keys and values in one module, gate and up in another, and LongRoPE.
extension Family {
  static let phi3 = Family(
    architecture: "phi3", modelType: "phi3", className: "Phi3ForCausalLM",
    settings: llamaSettings(context: 4096, epsilon: 1e-5),
    inert: [
      "attention_bias": [false], "lm_head_bias": [false], "full_attn_mod": [1],
      "interpolate_factor": [1],
    ],
    rotary: RotaryKeys(share: "partial_rotary_factor"), window: .honoured(absent: nil),
    hasLongRoPEFactors: true,
    names: TensorNames(
      TensorNames.vocabulary + TensorNames.preNorms + [
        TensorNames.Row(.linear(.queryKeyValue), "self_attn.qkv_proj", "attn_qkv"),
        TensorNames.Row(.linear(.output), "self_attn.o_proj", "attn_output"),
        TensorNames.Row(.linear(.gateUp), "mlp.gate_up_proj", "ffn_up"),
        TensorNames.Row(.linear(.down), "mlp.down_proj", "ffn_down"),
      ]),
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.attention.packing = .stacked
      block.feedForward.packing = .fused
      return block
    })
}
