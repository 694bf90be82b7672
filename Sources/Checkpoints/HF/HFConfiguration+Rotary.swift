internal import Faults
internal import JSON

/// RoPE in `config.json` (`formats/hf.md` §3.1).
extension HFConfiguration {
  /// θ, the dimensions that turn, and how frequencies are scaled, what this version cannot compute as `unknown`.
  ///
  /// - Throws: 65 `CFG` for a missing or impossible number of a rule that is known, or a head that does not divide into
  ///   pairs.
  func readRotary(_ family: Family, into model: inout DecoderConfiguration) throws(Fault) {
    guard let keys = family.rotary else { return }
    var (name, object) = try rotaryObject()
    // Two sets of parameters, one for blocks with a window.
    var local: JSONValue?
    if let full = object["full_attention"] {
      (name, local, object) = ("\(name).full_attention", object["sliding_attention"], full)
    }
    model.ropeTheta = try number(
      object["rope_theta"] ?? .null, json[keys.theta], "rope_theta", default: keys.defaultTheta)
    let share = try number(
      object["partial_rotary_factor"] ?? .null, keys.share.flatMap { json[$0] },
      keys.share ?? "partial_rotary_factor", default: keys.defaultShare)
    // Before it becomes a whole number, which a large one is not.
    guard (0...1).contains(share) else {
      throw Fault(
        .badData, "CFG", "\(keys.share ?? "partial_rotary_factor") is \(share), not in 0...1")
    }
    let dimensions = Int(Double(model.headDimension) * share)
    guard dimensions > 0, dimensions % 2 == 0 else {
      throw Fault(
        .badData, "CFG",
        share == 1
          ? "head dimension \(model.headDimension) is not even"
          : "\(dimensions) of \(model.headDimension) dimensions turn, which is no even number of them"
      )
    }
    if dimensions != model.headDimension {
      guard keys.share != nil else {
        throw Fault(
          .unsupported, "CFG-UNSUPPORTED",
          "partial_rotary_factor is set and may change the model")
      }
      model.rotaryDimension = dimensions
    }
    let reader = RotaryFields(
      name: name, object: object, pairs: dimensions / 2, contextLength: model.contextLength,
      originalLength: json["original_max_position_embeddings"])
    model.rotaryScaling = RotaryScaling(try reader.kind())
    guard let localKey = keys.localTheta else { return }
    model.localRopeTheta = try number(
      local?["rope_theta"] ?? .null, json[localKey], localKey,
      default: keys.defaultLocalTheta ?? model.ropeTheta)
    let type = local?["rope_type"]?.stringValue ?? "default"
    guard type == "default" else {
      model.rotaryScaling = RotaryScaling(
        .unknown(
          reason: "rope_parameters.sliding_attention is of type \"\(type)\"", source: nil))
      return
    }
  }

  /// The first of two values that is set.
  private func number(
    _ inner: JSONValue, _ outer: JSONValue?, _ key: String, default fallback: Double
  ) throws(Fault) -> Double {
    guard let value = [inner, outer ?? .null].first(where: { !$0.isNull }) else { return fallback }
    return try positive(value, key)
  }

  /// The object that holds RoPE's parameters: `rope_scaling`, or since version 5 of the library
  /// `rope_parameters`; empty where there is none.
  private func rotaryObject() throws(Fault) -> (name: String, object: JSONValue) {
    for name in ["rope_scaling", "rope_parameters"] {
      guard let value = json[name], !value.isNull else { continue }
      guard let object = value.objectValue else {
        throw Fault(.badData, "CFG", "\(name) must be an object")
      }
      if !object.members.isEmpty { return (name, value) }
    }
    return ("rope_parameters", .object([:]))
  }
}

/// The object of RoPE's parameters, read by its type.
private struct RotaryFields {
  let name: String
  let object: JSONValue
  /// Pairs of one head.
  let pairs: Int
  let contextLength: Int
  /// `original_max_position_embeddings` beside the object, which goes first.
  let originalLength: JSONValue?

  /// Fields by type, beside those that any type may have.
  private static let fields: [String: Set<String>] = [
    "default": [], "linear": ["factor"], "dynamic": ["factor"],
    "llama3": [
      "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
    ],
    "yarn": [
      "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
      "mscale", "mscale_all_dim", "truncate",
    ],
    "longrope": [
      "factor", "original_max_position_embeddings", "attention_factor", "short_factor",
      "long_factor",
    ],
  ]

  func kind() throws(Fault) -> RotaryScaling.Kind {
    let stated = object["rope_type"]?.stringValue ?? object["type"]?.stringValue ?? "default"
    // The first name of LongRoPE.
    let type = stated == "su" ? "longrope" : stated
    guard let fields = Self.fields[type] else {
      return unknown("\(name) is of type \"\(type)\"")
    }
    for member in object.objectValue?.members ?? [] {
      if ["rope_type", "type", "rope_theta", "finetuned", "partial_rotary_factor"].contains(
        member.key)
        || fields.contains(member.key) || member.value.isNull
      {
        continue
      }
      return unknown("\(name).\(member.key) is set and may change the angles")
    }
    switch type {
    case "linear": return .linear(factor: try number("factor"))
    case "dynamic": return .dynamic(factor: try number("factor"))
    case "llama3":
      return .llama3(
        RotaryScaling.Llama3(
          factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"),
          highFrequencyFactor: try number("high_freq_factor"), originalLength: try original()))
    case "yarn": return .yarn(try yarn())
    case "longrope": return .longrope(try longrope())
    default: return .none
    }
  }

  private func yarn() throws(Fault) -> RotaryScaling.YaRN {
    let original = try original()
    let factor = try number("factor", default: Double(contextLength) / Double(original))
    typealias YaRN = RotaryScaling.YaRN
    var attention = YaRN.attentionFactor(scale: factor)
    if let scale = object["mscale"]?.doubleValue, scale != 0,
      let all = object["mscale_all_dim"]?.doubleValue, all != 0
    {
      attention =
        YaRN.attentionFactor(scale: factor, multiplier: scale)
        / YaRN.attentionFactor(scale: factor, multiplier: all)
    }
    return YaRN(
      factor: factor, originalLength: original,
      attentionFactor: try number("attention_factor", default: attention),
      betaFast: try number("beta_fast", default: 32),
      betaSlow: try number("beta_slow", default: 1),
      truncates: object["truncate"]?.boolValue ?? true)
  }

  private func longrope() throws(Fault) -> RotaryScaling.LongRoPE {
    let original = try original()
    let factor = try number("factor", default: Double(contextLength) / Double(original))
    return RotaryScaling.LongRoPE(
      shortFactors: try factors("short_factor"), longFactors: try factors("long_factor"),
      originalLength: original,
      attentionFactor: try number(
        "attention_factor",
        default: RotaryScaling.LongRoPE.attentionFactor(scale: factor, originalLength: original)))
  }

  // MARK: - Values

  private func number(_ key: String, default fallback: Double? = nil) throws(Fault) -> Double {
    if object[key]?.isNull ?? true, let fallback { return fallback }
    guard let value = object[key]?.doubleValue, value > 0, value.isFinite else {
      throw Fault(.badData, "CFG", "\(name).\(key) must be a positive number")
    }
    return value
  }

  private func original() throws(Fault) -> Int {
    let key = "original_max_position_embeddings"
    let value = [originalLength, object[key]].compactMap(\.self).first { !$0.isNull }
    guard let value else { return contextLength }
    guard let length = value.intValue, length > 0, length <= 1 << 31 else {
      throw Fault(.badData, "CFG", "\(key) must be a positive integer")
    }
    return length
  }

  private func factors(_ key: String) throws(Fault) -> [Double] {
    let list = object[key]?.arrayValue ?? []
    let values = list.compactMap(\.doubleValue).filter { $0 > 0 && $0.isFinite }
    guard values.count == pairs, list.count == pairs else {
      throw Fault(.badData, "CFG", "\(name).\(key) must be \(pairs) positive numbers")
    }
    return values
  }

  private func unknown(_ reason: String) -> RotaryScaling.Kind {
    .unknown(reason: reason, source: object.text())
  }
}
