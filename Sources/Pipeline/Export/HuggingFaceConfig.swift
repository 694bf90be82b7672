import Checkpoints
import JSON
import Tensors

extension DecoderConfiguration {
  /// The `config.json` that Transformers needs to load a merged Llama model (`formats/hf.md`).
  func huggingFaceJSON(dtype: DType) -> JSONValue {
    let names: [DType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
    return .object([
      "architectures": ["LlamaForCausalLM"], "model_type": "llama",
      "vocab_size": .integer(vocabularySize), "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(feedForwardSize), "num_hidden_layers": .integer(layerCount),
      "num_attention_heads": .integer(headCount),
      "num_key_value_heads": .integer(keyValueHeadCount), "head_dim": .integer(headDimension),
      "hidden_act": "silu", "max_position_embeddings": .integer(contextLength),
      "rms_norm_eps": .number(rmsNormEpsilon), "rope_theta": .number(ropeTheta),
      "rope_parameters": .object([
        "rope_type": "default", "rope_theta": .number(ropeTheta),
      ]),
      "tie_word_embeddings": .bool(hasTiedEmbeddings), "attention_bias": false,
      "mlp_bias": false, "torch_dtype": .string(names[dtype] ?? "float32"),
    ])
  }
}
