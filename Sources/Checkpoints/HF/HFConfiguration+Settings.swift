internal import Faults
internal import JSON

/// The rows of a family's table of settings, read from `config.json`.
extension HFConfiguration {
  func read(
    _ setting: Setting, into model: inout DecoderConfiguration
  ) throws(Fault) {
    guard var key = setting.huggingFace else { return try readDefault(setting, nil, into: &model) }
    if json[key]?.isNull ?? true, let alias = setting.huggingFaceAlias, json[alias] != nil {
      key = alias
    }
    guard let value = json[key], !value.isNull else {
      let absent = json[key] == nil ? setting.absent : nil
      return try readDefault(setting, absent, into: &model)
    }
    switch setting.field {
    case .size(let path, let limit): model[keyPath: path] = try integer(value, key, 1...limit)
    case .count(let path): model[keyPath: path] = try integer(value, key, 0...1 << 31 - 1)
    case .bound(let path):
      let number = try integer(value, key, -1...1 << 24)
      model[keyPath: path] = number > 0 ? number : nil
    case .same(let path):
      let own = model[keyPath: path]
      guard value.intValue == own else {
        throw unsupported(
          "\(key) is \(Fault.escaped(value.text(), limit: 48)), supported is \(own)")
      }
    case .sides(let rows, let columns):
      let list = value.arrayValue ?? [value, value]
      guard list.count == 2 else {
        throw Fault(.badData, "CFG", "\(key) must be an integer or a list of two")
      }
      model[keyPath: rows] = try integer(list[0], key, 1...1 << 16)
      model[keyPath: columns] = try integer(list[1], key, 1...1 << 16)
    case .number(let path): model[keyPath: path] = try positive(value, key)
    case .optional(let path): model[keyPath: path] = try positive(value, key)
    case .flag(let path): model[keyPath: path] = try flag(value, key)
    case .biases(let kinds):
      if try flag(value, key) {
        model.biases.formUnion(kinds)
      } else {
        model.biases.subtract(kinds)
      }
    case .activation:
      let name = value.stringValue ?? ""
      guard
        let found = Activation.allCases.first(where: { $0.huggingFaceNames.contains(name) })
      else { throw unsupported("\(key) is set and may change the model") }
      model.activation = found
    case .flags(let path):
      let flags = (value.arrayValue ?? []).compactMap {
        $0.boolValue ?? $0.intValue.map { $0 != 0 }
      }
      guard flags.count == model.layerCount, value.arrayValue?.count == flags.count else {
        throw Fault(
          .badData, "CFG",
          "\(key) must be a list of 0 and 1, one for each of \(model.layerCount) blocks")
      }
      model[keyPath: path] = flags
    case .blocks(let path):
      guard let list = value.arrayValue else {
        throw Fault(.badData, "CFG", "\(key) must be a list of numbers of blocks")
      }
      model[keyPath: path] = try list.map { (number) throws(Fault) in
        try integer(number, key, 0...max(model.layerCount - 1, 0))
      }
    }
  }

  private func readDefault(
    _ setting: Setting, _ absent: Double?, into model: inout DecoderConfiguration
  ) throws(Fault) {
    var number = absent
    if number == nil {
      switch setting.huggingFaceDefault {
      case .asIs: return
      case .value(let value): number = value
      case .derived(let rule): number = rule(model)
      case .required: break
      }
    }
    let key = setting.huggingFace ?? ""
    switch setting.field {
    case .size(let path, let limit):
      guard let number, number >= 1, number <= Double(limit) else {
        if case .derived = setting.huggingFaceDefault {
          throw Fault(
            .badData, "CFG",
            "width \(model.hiddenSize) does not divide into \(model.headCount) heads")
        }
        throw Fault(.badData, "CFG", "\(key) must be an integer from 1 to \(limit)")
      }
      model[keyPath: path] = Int(number)
    case .count(let path): model[keyPath: path] = Int(number ?? 0)
    case .sides(let rows, let columns):
      model[keyPath: rows] = Int(number ?? 1)
      model[keyPath: columns] = Int(number ?? 1)
    case .number(let path):
      guard let number else { throw Fault(.badData, "CFG", "\(key) must be a positive number") }
      model[keyPath: path] = number
    case .optional(let path): model[keyPath: path] = number
    case .flag(let path): model[keyPath: path] = number == 1
    case .biases(let kinds): if number == 1 { model.biases.formUnion(kinds) }
    case .activation, .flags, .blocks, .bound, .same: break
    }
  }
}
