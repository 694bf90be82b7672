internal import Faults
internal import JSON

/// The shape of a model from `config.json` by its family's tables (`formats/hf.md` §3).
extension HFConfiguration {
  /// The shape.
  ///
  /// - Parameter has: Whether there is a tensor of a Hugging Face name: heads show that way.
  /// - Throws: 69 `CFG-UNSUPPORTED` naming the field, 65 `CFG` for a missing or impossible value.
  func decoder(has: (String) -> Bool) throws(Fault) -> DecoderConfiguration {
    do throws(Fault) {
      guard let modelType else {
        throw Fault(.badData, "CFG", "model_type is missing")
      }
      guard let family = Family.of(modelType: modelType) else {
        throw unsupported(
          "model_type \"\(modelType)\"; supported are "
            + CheckpointSupport.huggingFaceModelTypes.joined(separator: ", "))
      }
      try refuseUnknownKeys(family)
      try refuseQuantization()
      var model = try read(family)
      try readClasses(family, has: has, into: &model)
      return model
    } catch {
      throw error.at(path: path)
    }
  }

  private func read(_ family: Family) throws(Fault) -> DecoderConfiguration {
    var model = DecoderConfiguration(of: family)
    family.fixed(&model)
    for setting in family.settings { try read(setting, into: &model) }
    family.settled(&model)
    guard model.contextLength > 0 else {
      throw Fault(
        .badData, "CFG",
        "max_position_embeddings leaves no position behind the \(model.positionOffset) that no token has"
      )
    }
    if let problem = family.problem(model) { throw Fault(.badData, "CFG", problem) }
    if model.imageShape == nil {
      model.vocabularySize = try integer(json["vocab_size"], "vocab_size", 1...1 << 31 - 1)
    }
    guard model.headCount % model.keyValueHeadCount == 0 else {
      throw Fault(
        .badData, "CFG",
        "\(model.headCount) heads are not a multiple of \(model.keyValueHeadCount) kv heads")
    }
    guard model.expertUsedCount <= model.expertCount else {
      throw Fault(
        .badData, "CFG", "\(model.expertUsedCount) experts are used of \(model.expertCount)")
    }
    try readRotary(family, into: &model)
    try readWindow(family, into: &model)
    return model
  }

  // MARK: - Refusals

  /// Every key is read, known to say nothing, or null.
  private func refuseUnknownKeys(_ family: Family) throws(Fault) {
    var known = HuggingFaceKeys.inert.union(family.settings.compactMap(\.huggingFace))
    known.formUnion(family.settings.compactMap(\.huggingFaceAlias))
    for (key, values) in family.demanded.sorted(by: { $0.key < $1.key }) {
      guard let value = json[key], values.contains(where: { same($0, value) }) else {
        throw unsupported(
          "\(key) is \(Fault.escaped(json[key]?.text() ?? "missing", limit: 48)), supported is "
            + values[0].text())
      }
      known.insert(key)
    }
    let rotary = family.rotary
    known.formUnion([rotary?.theta, rotary?.share, rotary?.localTheta].compactMap(\.self))
    if case .flagged = family.window {
      known.formUnion(["use_sliding_window", "max_window_layers"])
    }
    for member in json.objectValue?.members ?? [] where !member.value.isNull {
      guard isUnderstood(member.key, member.value, family, known) else {
        throw unsupported("\(member.key) is set and may change the model")
      }
    }
  }

  /// Whether a key is one of `known`, or holds a value that changes no model.
  ///
  /// A key that the family lists with values is judged by these alone.
  private func isUnderstood(
    _ key: String, _ value: JSONValue, _ family: Family, _ known: Set<String>
  ) -> Bool {
    if let values = family.inert[key] {
      return values.isEmpty || values.contains { same($0, value) }
    }
    if known.contains(key) { return true }
    return HuggingFaceKeys.neutral[key]?.contains { same($0, value) } ?? false
  }

  private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
    if left == right { return true }
    guard let number = left.doubleValue else { return false }
    return number == right.doubleValue
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

  // MARK: - Windows

  private func readWindow(
    _ family: Family, into model: inout DecoderConfiguration
  ) throws(Fault) {
    switch family.window {
    case .doubtful: model.doubtfulWindow = try window(absent: nil)
    case .honoured(let absent): model.slidingWindow = try window(absent: absent)
    case .flagged:
      guard let value = json["use_sliding_window"], !value.isNull,
        try flag(value, "use_sliding_window")
      else { break }
      model.slidingWindow = try window(absent: nil)
      let first = try integer(json["max_window_layers"] ?? 28, "max_window_layers", 0...1 << 16)
      model.windowedLayers = (0..<model.layerCount).map { $0 >= first }
    }
    guard let types = json["layer_types"], !types.isNull else { return }
    let names = (types.arrayValue ?? []).compactMap(\.stringValue)
    guard names.count == model.layerCount, types.arrayValue?.count == names.count else {
      throw Fault(
        .badData, "CFG", "layer_types must name the attention of each of \(model.layerCount) blocks"
      )
    }
    if let other = names.first(where: { !["full_attention", "sliding_attention"].contains($0) }) {
      throw unsupported("layer_types names \(Fault.escaped(other, limit: 48))")
    }
    let windowed = names.map { $0 == "sliding_attention" }
    if model.slidingWindow == nil {
      guard !windowed.contains(true) else {
        throw unsupported("layer_types names sliding_attention, and there is no window")
      }
      model.windowedLayers = []
    } else {
      model.windowedLayers = windowed.contains(false) ? windowed : []
      if model.windowedLayers.isEmpty { model.windowInterval = 0 }
    }
  }

  private func window(absent: Int?) throws(Fault) -> Int? {
    guard let value = json["sliding_window"] else { return absent }
    return value.isNull ? nil : try integer(value, "sliding_window", 1...1 << 31 - 1)
  }

  /// The id of a special token; of a list of ids the first.
  ///
  /// Below 0 are those of files that have none.
  func tokenID(_ key: String) -> Int32? { tokenIDs(key).first }

  /// The ids of a special token, in their order.
  func tokenIDs(_ key: String) -> [Int32] {
    (json[key]?.arrayValue ?? [json[key]].compactMap(\.self)).compactMap {
      $0.intValue.flatMap { Int32(exactly: $0) }
    }.filter { $0 >= 0 }
  }

  // MARK: - Values

  func integer(
    _ value: JSONValue?, _ key: String, _ range: ClosedRange<Int>
  ) throws(Fault) -> Int {
    guard let number = value?.intValue, range.contains(number) else {
      throw Fault(
        .badData, "CFG", "\(key) must be an integer from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  func flag(_ value: JSONValue, _ key: String) throws(Fault) -> Bool {
    guard let flag = value.boolValue else {
      throw Fault(.badData, "CFG", "\(key) must be true or false")
    }
    return flag
  }

  func positive(_ value: JSONValue, _ key: String) throws(Fault) -> Double {
    guard let number = value.doubleValue, number > 0, number.isFinite else {
      throw Fault(.badData, "CFG", "\(key) must be a positive number")
    }
    return number
  }

  func unsupported(_ reason: String) -> Fault {
    Fault(.unsupported, "CFG-UNSUPPORTED", reason)
  }
}
