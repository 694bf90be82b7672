internal import Faults
internal import Files
internal import JSON

/// `config.json` of a Hugging Face model (`formats/hf.md` §3).
struct HFConfiguration: Sendable {
  /// The path of the file.
  let path: String
  /// Its content, an object.
  let json: JSONValue

  /// The longest file this reader takes.
  private static let byteLimit = 16 << 20

  /// Fields that change the forward pass unless they are absent, null or this value.
  private static let neutral: [(key: String, value: JSONValue)] = [
    ("compression_config", nil),
    ("partial_rotary_factor", 1), ("attn_logit_softcapping", nil),
    ("final_logit_softcapping", nil), ("logit_scale", nil), ("logits_scaling", 1),
    ("embedding_multiplier", 1), ("residual_multiplier", 1), ("attention_multiplier", nil),
    ("num_local_experts", nil), ("num_experts", nil), ("no_rope_layers", nil),
    ("use_qk_norm", false), ("qk_layernorm", false),
  ]

  /// Reads `path`.
  ///
  /// - Throws: 66 where it is missing, 65 `CFG` where it is not a JSON object.
  init(_ path: String) throws(Fault) {
    self.path = path
    let bytes = try InputFile(path).readAll(limit: Self.byteLimit)
    do throws(Fault) {
      json = try JSONValue.parse(bytes)
    } catch {
      throw Fault(error.kind, "CFG", "\(error.reason) (\(error.code))", path: path)
    }
    guard json.objectValue != nil else {
      throw Fault(.badData, "CFG", "expected an object, found \(json.kindName)", path: path)
    }
  }

  /// `model_type`, such as `llama`.
  var modelType: String? { json["model_type"]?.stringValue }

  /// The shape of a model of the llama family.
  ///
  /// - Throws: 69 `CFG-UNSUPPORTED` naming the field, 65 `CFG` for a missing or impossible value.
  func decoder() throws(Fault) -> DecoderConfiguration {
    do throws(Fault) {
      try refuseUnsupported()
      return try readDecoder()
    } catch {
      throw error.at(path: path)
    }
  }

  private func refuseUnsupported() throws(Fault) {
    guard let modelType else {
      throw Fault(.badData, "CFG", "model_type is missing")
    }
    guard CheckpointSupport.huggingFaceModelTypes.contains(modelType) else {
      throw unsupported("model_type \"\(modelType)\"; llama and mistral are supported")
    }
    // Two names of one function.
    if let activation = json["hidden_act"], !["silu", "swish", nil].contains(activation) {
      throw unsupported("hidden_act is set and may change the model")
    }
    // Mistral's linear modules never have one.
    for key in ["attention_bias", "mlp_bias"] where modelType == "mistral" {
      if let value = json[key], !value.isNull, value != false {
        throw unsupported("\(key) is set, and the biases of mistral models are not defined")
      }
    }
    for (key, value) in Self.neutral {
      guard let found = json[key], !found.isNull, found != value else { continue }
      if let number = found.doubleValue, number == value.doubleValue { continue }
      throw unsupported("\(key) is set and may change the model")
    }
    try refuseQuantization()
  }

  /// Eight-bit floating point is decoded; every other scheme of `quantization_config` is refused by name.
  private func refuseQuantization() throws(Fault) {
    guard let scheme = json["quantization_config"], !scheme.isNull else { return }
    let method = scheme["quant_method"]?.stringValue ?? "unnamed"
    let format = scheme["format"]?.stringValue
    let isEightBit =
      method == "fp8" || (method == "compressed-tensors" && format == "float-quantized")
    guard isEightBit else {
      throw unsupported(
        "quantization_config names \(format.map { "\(method) \($0)" } ?? method), which is not decoded"
      )
    }
  }

  /// The block that shares a scale: `weight_block_size`, or `block_structure` or `group_size` of a
  /// compressed-tensors scheme (`formats/hf.md` §4).
  ///
  /// - Throws: 65 `CFG` unless it is positive integers, 69 `CFG-UNSUPPORTED` where schemes differ.
  func quantizationBlock() throws(Fault) -> (rows: Int, columns: Int)? {
    let scheme = json["quantization_config"]
    if let value = scheme?["weight_block_size"], !value.isNull {
      return try block(value, "quantization_config.weight_block_size")
    }
    var found: (rows: Int, columns: Int)?
    for group in scheme?["config_groups"]?.objectValue?.members ?? [] {
      let weights = group.value["weights"]
      let key = "quantization_config.config_groups.\(group.key).weights"
      let next: (rows: Int, columns: Int)
      switch weights?["strategy"]?.stringValue {
      case "block": next = try block(weights?["block_structure"], key + ".block_structure")
      case "group":
        next = try block([1, weights?["group_size"] ?? .null], key + ".group_size")
      default: continue
      }
      if let found, found != next {
        throw Fault(
          .unsupported, "CFG-UNSUPPORTED", "\(key) has another block than other groups",
          path: path)
      }
      found = next
    }
    return found
  }

  private func block(_ value: JSONValue?, _ key: String) throws(Fault) -> (rows: Int, columns: Int)
  {
    let sizes = value?.arrayValue?.compactMap(\.intValue) ?? []
    guard sizes.count == 2, value?.arrayValue?.count == 2,
      sizes.allSatisfy({ $0 > 0 && $0 <= 1 << 20 })
    else {
      throw Fault(.badData, "CFG", "\(key) must be positive integers", path: path)
    }
    return (sizes[0], sizes[1])
  }

  private func readDecoder() throws(Fault) -> DecoderConfiguration {
    let isMistral = modelType == "mistral"
    let hidden = try size("hidden_size")
    let heads = try size("num_attention_heads", limit: 1 << 16)
    let keyValueHeads = try size(
      "num_key_value_heads", limit: 1 << 16,
      default: isMistral && json["num_key_value_heads"] == nil ? 8 : heads)
    guard heads % keyValueHeads == 0 else {
      throw Fault(
        .badData, "CFG", "\(heads) heads are not a multiple of \(keyValueHeads) kv heads")
    }
    guard isSet("head_dim") || hidden % heads == 0 else {
      throw Fault(.badData, "CFG", "width \(hidden) does not divide into \(heads) heads")
    }
    let width = try size("head_dim", limit: 1 << 16, default: hidden / heads)
    guard width % 2 == 0 else {
      throw Fault(.badData, "CFG", "head dimension \(width) is not even")
    }
    let context = try size("max_position_embeddings", default: isMistral ? 131_072 : 2048)
    let (theta, scaling) = try rotary(headDimension: width, contextLength: context)
    let window = try window(isMistral: isMistral)
    return DecoderConfiguration(
      architecture: "llama", hiddenSize: hidden,
      layerCount: try size("num_hidden_layers", limit: 1 << 16), headCount: heads,
      keyValueHeadCount: keyValueHeads, headDimension: width,
      feedForwardSize: try size("intermediate_size"), vocabularySize: try size("vocab_size"),
      contextLength: context, ropeTheta: theta,
      rmsNormEpsilon: try positive(json["rms_norm_eps"], "rms_norm_eps", default: 1e-6),
      hasTiedEmbeddings: try flag("tie_word_embeddings"), rotaryScaling: scaling,
      biases: try biases(), slidingWindow: isMistral ? window : nil,
      // Transformers passes over the key, others do not.
      doubtfulWindow: isMistral ? nil : window)
  }

  /// The kinds of modules that have a bias.
  private func biases() throws(Fault) -> Set<LinearKind> {
    var kinds: Set<LinearKind> = []
    for (key, parent) in [("attention_bias", "self_attn"), ("mlp_bias", "mlp")]
    where try flag(key) {
      kinds.formUnion(LinearKind.allCases.filter { $0.parent == parent })
    }
    return kinds
  }

  /// `sliding_window`; a Mistral model without the field has one of 4096.
  private func window(isMistral: Bool) throws(Fault) -> Int? {
    if json["sliding_window"] == nil { return isMistral ? 4096 : nil }
    return isSet("sliding_window") ? try size("sliding_window") : nil
  }

  /// The id of a special token; of a list of ids the first.
  func tokenID(_ key: String) -> Int32? {
    let value = json[key]?.arrayValue?.first ?? json[key]
    return value?.intValue.flatMap { Int32(exactly: $0) }
  }

  // MARK: - Values

  private func isSet(_ key: String) -> Bool { json[key].map { !$0.isNull } ?? false }

  private func size(
    _ key: String, limit: Int = 1 << 31 - 1, default fallback: Int? = nil
  ) throws(Fault) -> Int {
    if !isSet(key), let fallback { return fallback }
    guard let value = json[key]?.intValue, value > 0, value <= limit else {
      throw Fault(.badData, "CFG", "\(key) must be an integer from 1 to \(limit)")
    }
    return value
  }

  private func flag(_ key: String) throws(Fault) -> Bool {
    guard isSet(key) else { return false }
    guard let value = json[key]?.boolValue else {
      throw Fault(.badData, "CFG", "\(key) must be true or false")
    }
    return value
  }

  func positive(
    _ value: JSONValue?, _ key: String, default fallback: Double
  ) throws(Fault) -> Double {
    guard let value, !value.isNull else { return fallback }
    guard let number = value.doubleValue, number > 0 else {
      throw Fault(.badData, "CFG", "\(key) must be a positive number")
    }
    return number
  }

  private func unsupported(_ reason: String) -> Fault {
    Fault(.unsupported, "CFG-UNSUPPORTED", reason)
  }
}
