public import JSON

/// The members of `config.json` for a model whose files have none, by its family's tables.
extension DecoderConfiguration {
  /// All but those of RoPE.
  public var huggingFaceSettings: [(String, JSONValue)] {
    let family = family
    var members: [(String, JSONValue)] = [
      ("architectures", .array([.string(answers ? family.className : family.bareClassName)])),
      ("model_type", .string(family.modelType)), ("vocab_size", .integer(vocabularySize)),
    ]
    var stated = self
    family.unsettled(&stated)
    for setting in family.settings {
      guard let key = setting.huggingFace, let value = stated.huggingFaceValue(setting.field)
      else { continue }
      members.append((key, value))
    }
    let window = slidingWindow ?? doubtfulWindow
    if let window { members.append(("sliding_window", .integer(window))) }
    if slidingWindow != nil, blocks.contains(where: { $0.attention.window == nil }) {
      members.append(
        (
          "layer_types",
          .array(
            blocks.map {
              $0.attention.window == nil ? "full_attention" : "sliding_attention"
            })
        ))
    } else if window == nil, case .honoured = family.window {
      // Without the key the class may take a window of its own.
      members.append(("sliding_window", .null))
    }
    return members
  }

  private func huggingFaceValue(_ field: Setting.Field) -> JSONValue? {
    switch field {
    case .size(let path, _), .count(let path): .integer(self[keyPath: path])
    case .bound(let path): .integer(self[keyPath: path] ?? -1)
    case .same: nil
    case .sides(let rows, let columns):
      .array([.integer(self[keyPath: rows]), .integer(self[keyPath: columns])])
    case .number(let path): .number(self[keyPath: path])
    case .optional(let path): self[keyPath: path].map { .number($0) } ?? .null
    case .flag(let path): .bool(self[keyPath: path])
    case .biases(let kinds): .bool(!biases.isDisjoint(with: kinds))
    case .activation: .string(activation.huggingFaceNames[0])
    case .flags(let path):
      self[keyPath: path].isEmpty ? nil : .array(self[keyPath: path].map { .integer($0 ? 1 : 0) })
    case .blocks(let path): .array(self[keyPath: path].map { .integer($0) })
    }
  }

  /// Keys and values of RoPE beside the object of its parameters: θ's key, the share of dimensions that turn, θ of
  /// blocks with a window; nil for a model without.
  public var huggingFaceRotary:
    (
      theta: String, share: (key: String, value: JSONValue)?,
      local: (key: String, value: JSONValue)?
    )?
  {
    guard let keys = family.rotary else { return nil }
    let share = Double(rotaryDimension ?? headDimension) / Double(headDimension)
    return (
      keys.theta, keys.share.map { ($0, .number(share)) },
      keys.localTheta.flatMap { key in localRopeTheta.map { (key, .number($0)) } }
    )
  }

  /// Biases that the file of a model must have and this one has not: `config.json` announces those of several modules
  /// together.
  public var absentBiases: [LinearModule] {
    var kinds: Set<LinearKind> = []
    for setting in family.settings {
      if case .biases(let group) = setting.field, !biases.isDisjoint(with: group) {
        kinds.formUnion(group)
      }
    }
    return linearModules.filter { kinds.contains($0.kind) && !biases.contains($0.kind) }
  }

  /// Whether Hugging Face stores a weight `[inFeatures, outFeatures]`.
  public func isTransposed(_ name: String) -> Bool {
    guard let place = names.place(huggingFace: name), place.suffix == ".weight" else {
      return false
    }
    return place.row.storage == .transposed
  }
}

extension Family {
  /// The class of Transformers for a model of the family without a head.
  fileprivate var bareClassName: String {
    className.replacing("ForSequenceClassification", with: "Model")
  }
}
