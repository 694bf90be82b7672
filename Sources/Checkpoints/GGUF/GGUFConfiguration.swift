internal import Faults

/// Reads the shape of a llama-family model from GGUF metadata (`formats/gguf.md` §7.3).
struct GGUFConfiguration {
  let weights: GGUFWeights
  var header: GGUFHeader { weights.header }
  private var tensors: [TensorInfo] { weights.tensors }

  /// Keys of the family that are read or cannot change the forward pass.
  private static let known: Set<String> = [
    "context_length", "embedding_length", "block_count", "feed_forward_length", "vocab_size",
    "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.layer_norm_rms_epsilon", "rope.dimension_count",
    "rope.freq_base", "rope.scale_linear", "attention.sliding_window", "tensor_data_layout",
  ]

  /// Keys of the family that change the forward pass unless they hold this neutral number.
  private static let neutral: [String: Double] = [
    "expert_count": 0, "expert_used_count": 0, "attn_logit_softcapping": 0,
    "final_logit_softcapping": 0, "logit_scale": 1, "residual_scale": 1, "embedding_scale": 1,
  ]

  init(_ weights: GGUFWeights) { self.weights = weights }

  /// The configuration.
  ///
  /// - Throws: 69 `GG-ARCH` for another family, 69 `GG-UNSUPPORTED` naming a key this version does
  ///   not honour, 65 `GG-META` for a missing or impossible value.
  func read() throws(Fault) -> DecoderConfiguration {
    guard let architecture = try header.text("general.architecture") else {
      throw Fault(.badData, "GG-META", "general.architecture is missing")
    }
    guard CheckpointSupport.ggufArchitectures.contains(architecture) else {
      throw Fault(
        .unsupported, "GG-ARCH", "architecture \"\(architecture)\"; only llama is supported")
    }
    try refuseUnknownKeys()
    let hidden = try size("embedding_length")
    let layers = try size("block_count", limit: 1 << 16)
    let heads = try size("attention.head_count", limit: 1 << 16, layers: layers)
    let keyValueHeads = try size(
      "attention.head_count_kv", limit: 1 << 16, default: heads, layers: layers)
    guard heads % keyValueHeads == 0 else {
      throw Fault(
        .badData, "GG-META", "\(heads) heads are not a multiple of \(keyValueHeads) kv heads")
    }
    let width = try headDimension(hidden: hidden, heads: heads)
    let embedding = tensors.first { $0.name == "token_embd.weight" }
    guard let rows = embedding?.shape.first, embedding?.shape.count == 2, rows > 0 else {
      throw Fault(.badData, "GG-META", "token_embd.weight is missing or not a matrix")
    }
    let context = try size("context_length")
    let window = try header.integer("llama.attention.sliding_window") ?? 0
    guard window >= 0 else {
      throw Fault(.badData, "GG-META", "llama.attention.sliding_window is \(window)")
    }
    return DecoderConfiguration(
      architecture: architecture, hiddenSize: hidden, layerCount: layers, headCount: heads,
      keyValueHeadCount: keyValueHeads, headDimension: width,
      feedForwardSize: try size("feed_forward_length", layers: layers), vocabularySize: rows,
      contextLength: context, ropeTheta: try positive("rope.freq_base", default: 10_000),
      rmsNormEpsilon: try positive("attention.layer_norm_rms_epsilon", default: nil),
      hasTiedEmbeddings: !tensors.contains { $0.name == "output.weight" },
      rotaryScaling: try rotaryScaling(headDimension: width, contextLength: context),
      biases: LlamaNames.biasedKinds(gguf: tensors.lazy.map(\.name)),
      // llama.cpp passes over the key, and what it was written for has a window.
      doubtfulWindow: window == 0 ? nil : window)
  }

  // MARK: - Values

  private func size(
    _ key: String, limit: Int = 1 << 31 - 1, default fallback: Int? = nil, layers: Int? = nil
  ) throws(Fault) -> Int {
    // A key that may differ by layer may be an array.
    let stated =
      layers == nil
      ? try header.integer("llama.\(key)")
      : try weights.files[0].uniformInteger("llama.\(key)", layers: layers)
    guard let value = stated ?? fallback else {
      throw Fault(.badData, "GG-META", "llama.\(key) is missing")
    }
    guard value > 0, value <= limit else {
      throw Fault(.badData, "GG-META", "llama.\(key) is \(value); 1 to \(limit) is possible")
    }
    return value
  }

  func positive(_ key: String, default fallback: Double?) throws(Fault) -> Double {
    guard let value = try header.number("llama.\(key)") ?? fallback else {
      throw Fault(.badData, "GG-META", "llama.\(key) is missing")
    }
    guard value > 0 else { throw Fault(.badData, "GG-META", "llama.\(key) is \(value)") }
    return value
  }

  /// The width of a head: `key_length`, else hidden size over heads; all its dimensions must turn.
  private func headDimension(hidden: Int, heads: Int) throws(Fault) -> Int {
    let stated = try header.integer("llama.attention.key_length")
    guard stated != nil || hidden % heads == 0 else {
      throw Fault(.badData, "GG-META", "width \(hidden) does not divide into \(heads) heads")
    }
    let width = stated ?? hidden / heads
    guard width > 0, width <= 1 << 16, width % 2 == 0 else {
      throw Fault(.badData, "GG-META", "head dimension \(width) is not even and positive")
    }
    for key in ["attention.value_length", "rope.dimension_count"] {
      let value = try header.integer("llama.\(key)") ?? width
      guard value == width else {
        throw Fault(
          .unsupported, "GG-UNSUPPORTED", "llama.\(key) is \(value), the head dimension \(width)")
      }
    }
    return width
  }

  // MARK: - Refusals

  private func refuseUnknownKeys() throws(Fault) {
    for (key, value) in header.metadata where key.hasPrefix("llama.") {
      let name = String(key.dropFirst("llama.".count))
      // They concern the run alone: `rotaryScaling` reads them.
      if name.hasPrefix("rope.scaling.") { continue }
      if Self.known.contains(name) { continue }
      guard let neutral = Self.neutral[name], value.double == neutral else {
        throw Fault(
          .unsupported, "GG-UNSUPPORTED", "\(key) may change the model and is not supported")
      }
    }
  }
}
