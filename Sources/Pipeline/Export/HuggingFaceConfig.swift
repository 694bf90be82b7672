import Checkpoints
import JSON
import Tensors

extension BaseCheckpoint {
  /// Members that describe files which a merged model does not have: quantised weights, code.
  private static let obsolete = [
    "quantization_config", "compression_config", "auto_map", "dtype", "torch_dtype",
  ]

  /// The `config.json` of a merged model of this shape (`formats/hf.md` §5.3): that of a Hugging Face base with what
  /// the merging changed, else a new one.
  func huggingFaceJSON(_ configuration: DecoderConfiguration, dtype: DType) -> JSONValue {
    let names: [DType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
    var json = checkpoint.huggingFaceConfiguration?.objectValue ?? newConfiguration(configuration)
    for key in Self.obsolete { json[key] = nil }
    json["tie_word_embeddings"] = .bool(configuration.hasTiedEmbeddings)
    // The name that every release of Transformers reads.
    json["torch_dtype"] = .string(names[dtype] ?? "float32")
    return .object(json)
  }

  private func newConfiguration(_ shape: DecoderConfiguration) -> JSONObject {
    var json = JSONObject([
      ("architectures", ["LlamaForCausalLM"]), ("model_type", "llama"),
      ("vocab_size", .integer(shape.vocabularySize)), ("hidden_size", .integer(shape.hiddenSize)),
      ("intermediate_size", .integer(shape.feedForwardSize)),
      ("num_hidden_layers", .integer(shape.layerCount)),
      ("num_attention_heads", .integer(shape.headCount)),
      ("num_key_value_heads", .integer(shape.keyValueHeadCount)),
      ("head_dim", .integer(shape.headDimension)), ("hidden_act", "silu"),
      ("max_position_embeddings", .integer(shape.contextLength)),
      ("rms_norm_eps", .number(shape.rmsNormEpsilon)), ("rope_theta", .number(shape.ropeTheta)),
      (
        "rope_parameters",
        .object(["rope_type": "default", "rope_theta": .number(shape.ropeTheta)])
      ),
      ("attention_bias", false), ("mlp_bias", false),
    ])
    let metadata = checkpoint.metadata
    for role in ["bos", "eos", "pad"] {
      let stored = role == "pad" ? "padding" : role
      // Without these Transformers takes 1 and 2.
      json["\(role)_token_id"] = metadata["tokenizer.ggml.\(stored)_token_id"] ?? .null
    }
    return json
  }
}
