internal import Faults

/// Reads the shape of a model from GGUF metadata by its family's tables (`formats/gguf.md` §7.3).
struct GGUFConfiguration {
  let weights: GGUFWeights
  let family: Family
  var header: GGUFHeader { weights.header }
  private var tensors: [TensorInfo] { weights.tensors }
  /// What the keys of the family begin with.
  var prefix: String { family.ggufArchitecture + "." }

  /// Keys of every family that are read beside the settings, or cannot change the forward pass.
  private static let known: Set<String> = [
    "vocab_size", "attention.value_length", "rope.dimension_count", "rope.freq_base",
    "rope.scale_linear", "attention.sliding_window", "tensor_data_layout",
  ]

  /// Keys that change the forward pass unless they hold this neutral number.
  private static let neutral: [String: Double] = [
    "expert_count": 0, "expert_used_count": 0, "attn_logit_softcapping": 0,
    "final_logit_softcapping": 0, "logit_scale": 1, "residual_scale": 1, "embedding_scale": 1,
  ]

  /// - Throws: 69 `GG-ARCH` for a family that is not supported, 65 `GG-META` for none.
  init(_ weights: GGUFWeights) throws(Fault) {
    self.weights = weights
    guard let architecture = weights.architecture else {
      throw Fault(.badData, "GG-META", "general.architecture is missing")
    }
    guard let family = weights.family else {
      throw Fault(
        .unsupported, "GG-ARCH",
        "architecture \"\(architecture)\"; supported are "
          + CheckpointSupport.ggufArchitectures.joined(separator: ", "))
    }
    self.family = family
  }

  /// The configuration.
  ///
  /// - Throws: 69 `GG-UNSUPPORTED` naming a key this version does not honour, 65 `GG-META` for a missing or
  ///   impossible value.
  func read() throws(Fault) -> DecoderConfiguration {
    try refuseUnknownKeys()
    try checkDemanded()
    var model = DecoderConfiguration(of: family)
    family.fixed(&model)
    for setting in family.settings { try read(setting, into: &model) }
    guard model.headCount % model.keyValueHeadCount == 0 else {
      throw Fault(
        .badData, "GG-META",
        "\(model.headCount) heads are not a multiple of \(model.keyValueHeadCount) kv heads")
    }
    guard model.expertUsedCount <= model.expertCount else {
      throw Fault(
        .badData, "GG-META",
        "\(model.expertUsedCount) experts are used of \(model.expertCount)")
    }
    let embedding = tensors.first { $0.name == "token_embd.weight" }
    guard let rows = embedding?.shape.first, embedding?.shape.count == 2, rows > 0 else {
      throw Fault(.badData, "GG-META", "token_embd.weight is missing or not a matrix")
    }
    model.vocabularySize = rows
    model.hasTiedEmbeddings = !tensors.contains { $0.name == "output.weight" }
    model.biases.formUnion(biasedKinds())
    // No key says so.
    model.hasHeadNorms =
      family.names.storage(.queryNorm) == .perHead
      && tensors.contains { family.names.place(gguf: $0.name)?.row.role == .queryNorm }
    if family.hasTwoNorms(tensors) { model.parallelNormCount = 2 }
    try readEncoder(into: &model)
    try readDimensions(into: &model)
    try readWindow(into: &model)
    return model
  }

  /// The kinds of modules of which some block has a bias.
  private func biasedKinds() -> Set<LinearKind> {
    var kinds: Set<LinearKind> = []
    for tensor in tensors where tensor.name.hasSuffix(".bias") {
      if case .linear(let kind)? = family.names.place(gguf: tensor.name)?.row.role {
        kinds.insert(kind)
      }
    }
    return kinds
  }

  // MARK: - Settings

  private func read(
    _ setting: Setting, into model: inout DecoderConfiguration
  ) throws(Fault) {
    let key = setting.gguf ?? ""
    switch setting.field {
    case .size(let path, let limit):
      var stated: Int?
      if setting.gguf != nil { stated = try integer(setting, layers: model.layerCount) }
      if stated == nil, case .asIs = setting.ggufDefault { return }
      guard let value = stated ?? fallback(setting, model).map({ Int($0) }) else {
        if case .derived = setting.ggufDefault {
          throw Fault(
            .badData, "GG-META",
            "width \(model.hiddenSize) does not divide into \(model.headCount) heads")
        }
        throw Fault(.badData, "GG-META", "\(prefix)\(key) is missing")
      }
      guard value > 0, value <= limit else {
        throw Fault(
          .badData, "GG-META", "\(prefix)\(key) is \(value); 1 to \(limit) is possible")
      }
      model[keyPath: path] = value
    case .count(let path):
      guard setting.gguf != nil, let value = try header.integer(prefix + key) else { return }
      guard value >= 0 else { throw Fault(.badData, "GG-META", "\(prefix)\(key) is \(value)") }
      model[keyPath: path] = value
    case .number(let path):
      if case .asIs = setting.ggufDefault, try number(setting) == nil { return }
      model[keyPath: path] = try positive(key, default: fallback(setting, model))
    case .optional(let path):
      if let value = try number(setting) ?? fallback(setting, model), value != 0 {
        guard value > 0 else { throw Fault(.badData, "GG-META", "\(prefix)\(key) is \(value)") }
        model[keyPath: path] = value
      }
    case .flag(let path):
      guard setting.gguf != nil, let value = header[prefix + key] else { return }
      guard case .bool(let flag) = value else {
        throw Fault(.badData, "GG-META", "\(prefix)\(key) is not a boolean")
      }
      model[keyPath: path] = flag
    case .biases, .activation, .flags, .blocks, .bound, .same, .sides: return
    }
  }

  /// The integer of a setting; a key that may differ by layer may be an array.
  private func integer(_ setting: Setting, layers: Int) throws(Fault) -> Int? {
    let key = prefix + (setting.gguf ?? "")
    return setting.isPerLayer
      ? try weights.files[0].uniformInteger(key, layers: layers) : try header.integer(key)
  }

  private func number(_ setting: Setting) throws(Fault) -> Double? {
    guard let key = setting.gguf else { return nil }
    return try header.number(prefix + key)
  }

  private func fallback(_ setting: Setting, _ model: DecoderConfiguration) -> Double? {
    switch setting.ggufDefault {
    case .required, .asIs: nil
    case .value(let value): value
    case .derived(let rule): rule(model)
    }
  }

  func positive(_ key: String, default fallback: Double?) throws(Fault) -> Double {
    guard let value = try header.number(prefix + key) ?? fallback else {
      throw Fault(.badData, "GG-META", "\(prefix)\(key) is missing")
    }
    guard value > 0 else { throw Fault(.badData, "GG-META", "\(prefix)\(key) is \(value)") }
    return value
  }

  /// The width of a head, and how much of it turns.
  private func readDimensions(into model: inout DecoderConfiguration) throws(Fault) {
    let width = model.headDimension
    let value = try header.integer(prefix + "attention.value_length") ?? width
    guard value == width else {
      throw Fault(
        .unsupported, "GG-UNSUPPORTED",
        "\(prefix)attention.value_length is \(value), the head dimension \(width)")
    }
    guard let rotary = family.rotary else { return }
    let dimensions = try header.integer(prefix + "rope.dimension_count") ?? width
    guard dimensions > 0, dimensions <= width, dimensions % 2 == 0 else {
      throw Fault(
        .badData, "GG-META",
        dimensions == width
          ? "head dimension \(width) is not even and positive"
          : "\(prefix)rope.dimension_count is \(dimensions), the head dimension \(width)")
    }
    if dimensions != width {
      guard rotary.share != nil else {
        throw Fault(
          .unsupported, "GG-UNSUPPORTED",
          "\(prefix)rope.dimension_count is \(dimensions), the head dimension \(width)")
      }
      model.rotaryDimension = dimensions
    }
    model.ropeTheta = try positive("rope.freq_base", default: 10_000)
    if let local = rotary.defaultLocalTheta {
      model.localRopeTheta = try positive("rope.freq_base_swa", default: local)
    }
    model.rotaryScaling = try rotaryScaling(
      headDimension: dimensions, contextLength: model.contextLength)
  }

  private func readWindow(into model: inout DecoderConfiguration) throws(Fault) {
    let window = try header.integer(prefix + "attention.sliding_window") ?? 0
    guard window >= 0 else {
      throw Fault(.badData, "GG-META", "\(prefix)attention.sliding_window is \(window)")
    }
    if family.honoursWindowInGGUF {
      model.slidingWindow = window == 0 ? nil : window
    } else {
      // llama.cpp passes over the key, and what it was written for has a window.
      model.doubtfulWindow = window == 0 ? nil : window
    }
  }

  // MARK: - Refusals

  private func refuseUnknownKeys() throws(Fault) {
    var known = Self.known.union(family.settings.compactMap(\.gguf)).union(family.ggufInert)
    known.formUnion(family.ggufDemanded.keys)
    if family.hasClassesInGGUF { known.insert(Self.labels) }
    if family.rotary?.defaultLocalTheta != nil { known.insert("rope.freq_base_swa") }
    for (key, value) in header.metadata where key.hasPrefix(prefix) {
      let name = String(key.dropFirst(prefix.count))
      // They concern the run alone: `rotaryScaling` reads them.
      if name.hasPrefix("rope.scaling.") { continue }
      if known.contains(name) { continue }
      guard let neutral = Self.neutral[name], value.double == neutral else {
        throw Fault(
          .unsupported, "GG-UNSUPPORTED", "\(key) may change the model and is not supported")
      }
    }
  }
}
