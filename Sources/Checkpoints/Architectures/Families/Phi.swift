/// Phi-1, Phi-1.5 and Phi-2: LayerNorm, attention and feed-forward layer side by side behind one norm, biases everywhere,
/// the head's too.
extension Family {
  static let phi = Family(
    architecture: "phi2", modelType: "phi", className: "PhiForCausalLM",
    settings: [
      .hiddenSize, .layerCount, .headCount, .keyValueHeads(), .headDimension(nil), .context(2048),
      .feedForwardSize, .layerEpsilon(), .activation, .tied,
    ],
    rotary: RotaryKeys(share: "partial_rotary_factor", defaultShare: 0.5),
    names: TensorNames([
      TensorNames.Row(.embedding, "model.embed_tokens", "token_embd"),
      TensorNames.Row(.finalNorm, "model.final_layernorm", "output_norm"),
      TensorNames.Row(.head, "lm_head", "output"),
      TensorNames.Row(.attentionNorm, "input_layernorm", "attn_norm"),
      TensorNames.Row(.linear(.query), "self_attn.q_proj", "attn_q"),
      TensorNames.Row(.linear(.key), "self_attn.k_proj", "attn_k"),
      TensorNames.Row(.linear(.value), "self_attn.v_proj", "attn_v"),
      TensorNames.Row(.linear(.output), "self_attn.dense", "attn_output"),
      TensorNames.Row(.linear(.up), "mlp.fc1", "ffn_up"),
      TensorNames.Row(.linear(.down), "mlp.fc2", "ffn_down"),
    ]),
    biases: [.query, .key, .value, .output, .up, .down], headHasBias: true,
    fixed: { $0.activation = .geluTanh },
    block: { layer, model in
      var block = model.standardBlock(layer)
      block.placement = .parallel(sharedNorm: true)
      block.norm = Norm(.layer, epsilon: model.normEpsilon, hasBias: true)
      block.feedForward.packing = .plain
      return block
    })
}
