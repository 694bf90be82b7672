internal import Faults

/// RoPE scaling of a GGUF file (`formats/gguf.md` §7.4).
extension GGUFConfiguration {
  private var scalingPrefix: String { prefix + "rope.scaling." }

  /// Keys that are read, and those that say nothing about the angles.
  private static let known: Set<String> = [
    "type", "factor", "attn_factor", "alpha", "original_context_length", "finetuned",
    "yarn_log_multiplier", "yarn_ext_factor", "yarn_attn_factor", "yarn_beta_fast",
    "yarn_beta_slow",
  ]

  /// The scaling, what this version cannot compute as `unknown`.
  ///
  /// - Throws: 65 `GG-META` for an impossible number, 65 `CK-SHAPE` for factors of another number than pairs.
  func rotaryScaling(headDimension: Int, contextLength: Int) throws(Fault) -> RotaryScaling {
    let pairs = headDimension / 2
    var scaling = RotaryScaling(
      try rule(contextLength: contextLength, pairs: pairs),
      magnitude: try positive("rope.scaling.attn_factor", default: 1))
    if case .longrope = scaling.kind { return scaling }
    scaling.divisors = try factors(TensorNames.Rotary.divisors, count: pairs) ?? []
    return scaling
  }

  private func rule(contextLength: Int, pairs: Int) throws(Fault) -> RotaryScaling.Kind {
    let hasFactors =
      family.hasLongRoPEFactors
      && weights.tensors.contains { $0.name == TensorNames.Rotary.short }
    let type =
      try header.text(scalingPrefix + "type") ?? (hasFactors ? "longrope" : "linear")
    if let reason = try unknown(type) { return .unknown(reason: reason, source: nil) }
    let factor = try factor()
    let original =
      try header.integer(scalingPrefix + "original_context_length") ?? contextLength
    guard original > 0 else {
      throw Fault(.badData, "GG-META", "\(scalingPrefix)original_context_length is \(original)")
    }
    switch type {
    case "linear" where factor != 1: return .linear(factor: factor)
    case "yarn":
      let attention = try positive(
        "rope.scaling.yarn_attn_factor",
        default: RotaryScaling.YaRN.attentionFactor(scale: factor))
      return .yarn(
        RotaryScaling.YaRN(
          factor: factor, originalLength: original, attentionFactor: attention,
          betaFast: try positive("rope.scaling.yarn_beta_fast", default: 32),
          betaSlow: try positive("rope.scaling.yarn_beta_slow", default: 1)))
    case "longrope":
      guard let short = try factors(TensorNames.Rotary.short, count: pairs),
        let long = try factors(TensorNames.Rotary.long, count: pairs)
      else {
        return .unknown(
          reason: "\(scalingPrefix)type is longrope and its factors are not in the file",
          source: nil)
      }
      return .longrope(
        RotaryScaling.LongRoPE(
          shortFactors: short.map(Double.init), longFactors: long.map(Double.init),
          originalLength: original, attentionFactor: 1))
    default: return .none
    }
  }

  /// What every frequency is divided by; 0 means 1, as llama.cpp takes it.
  private func factor() throws(Fault) -> Double {
    let legacy = try header.number(prefix + "rope.scale_linear") ?? 1
    let value = try header.number(scalingPrefix + "factor") ?? legacy
    guard value >= 0 else {
      throw Fault(.badData, "GG-META", "\(scalingPrefix)factor is \(value)")
    }
    return value == 0 ? 1 : value
  }

  /// Why the angles are not known; nil where they are.
  private func unknown(_ type: String) throws(Fault) -> String? {
    guard ["none", "linear", "yarn", "longrope"].contains(type) else {
      return "\(scalingPrefix)type is \"\(type)\""
    }
    for (key, _) in header.metadata where key.hasPrefix(scalingPrefix) {
      let name = String(key.dropFirst(scalingPrefix.count))
      if !Self.known.contains(name) { return "\(key) is set and may change the angles" }
    }
    for (name, neutral) in [("alpha", 0.0), ("yarn_log_multiplier", 0), ("yarn_ext_factor", 1)] {
      if name != "alpha", type != "yarn" { continue }
      let value = try header.number(scalingPrefix + name) ?? neutral
      // A negative extrapolation factor means the usual one.
      if value == neutral || (name == "yarn_ext_factor" && value < 0) { continue }
      return "\(scalingPrefix)\(name) is \(value)"
    }
    return nil
  }

  /// The positive numbers of a tensor, one for each pair of a head; nil where the file has no such tensor.
  private func factors(_ name: String, count: Int) throws(Fault) -> [Float]? {
    guard let index = weights.tensors.firstIndex(where: { $0.name == name }) else { return nil }
    guard weights.tensors[index].shape == [count] else {
      throw Fault(
        .badData, "CK-SHAPE",
        "shape \(weights.tensors[index].shape), the configuration needs [\(count)]", tensor: name)
    }
    let values = try weights.floats(at: index, threads: 1)
    guard values.allSatisfy({ $0 > 0 }) else {
      throw Fault(
        .badData, "GG-META", "a factor of RoPE's frequencies is not positive", tensor: name)
    }
    return values
  }
}
