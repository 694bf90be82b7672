import Faults
import JSON

/// Which dialect an adapter is written in and what shows it (`formats/adapters.md` §2).
public struct AdapterDetection: Sendable, Hashable {
  /// The dialect.
  public let dialect: AdapterDialect
  /// What shows it, such as `keys end in .lora_down.weight`.
  public let reason: String

  /// A dialect that somebody named instead.
  static func forced(_ dialect: AdapterDialect) -> AdapterDetection {
    AdapterDetection(dialect: dialect, reason: "asked for")
  }

  /// Finds the dialect by the tensors' names and the configuration's members.
  ///
  /// - Throws: 69 `AD-FORMAT` when nothing speaks for any dialect, 65 `AD-FORMAT` naming both when they
  ///   speak for two.
  static func find(
    names: [String], isGGUF: Bool, configuration: JSONValue?
  ) throws(Fault) -> AdapterDetection {
    var signs: [AdapterDetection] = []
    for name in names {
      guard let sign = sign(of: name, isGGUF: isGGUF) else { continue }
      if !signs.contains(where: { $0.dialect == sign.dialect }) { signs.append(sign) }
    }
    // Beside these PEFT's own keys decide nothing.
    if let special = signs.first(where: { [.loraXS, .tinyLoRA, .vera].contains($0.dialect) }) {
      signs.removeAll { $0.dialect == .peft }
      // The authors' LoRA-XS keeps PEFT's configuration unchanged.
      if special.dialect == .loraXS, signs.count == 1 { return special }
    }
    if let sign = sign(of: configuration) {
      if !signs.contains(where: { $0.dialect == sign.dialect }) { signs.append(sign) }
    }
    guard let first = signs.first else {
      throw Fault(
        .unsupported, "AD-FORMAT",
        "no tensor is named as any adapter dialect names them (\(AdapterDialect.names))")
    }
    if signs.count > 1 {
      throw Fault(
        .badData, "AD-FORMAT",
        "could be \(first.dialect.rawValue) (\(first.reason)) or \(signs[1].dialect.rawValue) "
          + "(\(signs[1].reason)); say which with --format")
    }
    return first
  }

  /// Whether one of the names belongs to an adapter.
  static func isAdapter(names: [String], isGGUF: Bool) -> Bool {
    names.contains { sign(of: $0, isGGUF: isGGUF) != nil }
  }

  // MARK: - Signs

  private static let components: Set<String> = [
    "unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3", "prior",
  ]

  /// Leaves of LyCORIS networks; PEFT uses some of them below its own prefix.
  static let networkLeaves: Set<String> = [
    "lora_down", "lora_up", "lora_mid", "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b",
    "hada_t1", "hada_t2", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a",
    "lokr_w2_b", "lokr_t2", "oft_blocks", "oft_diag", "dora_scale", "diff", "diff_b", "w_norm",
    "b_norm", "on_input",
  ]

  private static func sign(of name: String, isGGUF: Bool) -> AdapterDetection? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let last = parts.last, parts.count > 1 else { return nil }
    func found(_ dialect: AdapterDialect, _ reason: String) -> AdapterDetection {
      AdapterDetection(dialect: dialect, reason: reason)
    }
    if isGGUF {
      return last == "lora_a" || last == "lora_b"
        ? found(.ggufLoRA, "GGUF names end in .\(last)") : nil
    }
    if parts.contains(where: { $0.hasSuffix("lora_latent_mapping") }) {
      return found(.loraXS, "keys hold lora_latent_mapping")
    }
    if parts.contains(where: { $0.hasPrefix("tinylora_") }) {
      return found(.tinyLoRA, "keys hold tinylora_")
    }
    if parts.contains(where: { $0.hasPrefix("vera_") }) { return found(.vera, "keys hold vera_") }
    let leaf = last == "weight" || last == "bias" ? parts[parts.count - 2] : last
    if networkLeaves.contains(leaf) {
      return parts[0] == "base_model"
        ? found(.peft, "keys begin with base_model") : found(.kohya, "keys end in .\(leaf)")
    }
    if last == "lora_a" || last == "lora_b" { return found(.mlx, "keys end in .\(last)") }
    if parts.count > 2, leaf == "down" || leaf == "up",
      parts[parts.count - 3] == "lora" || parts[parts.count - 3].hasSuffix("_lora")
    {
      return found(.diffusers, "keys end in lora.\(leaf).weight")
    }
    // The first component names a module, such as kohya's `lora_unet_…`, never a factor.
    guard let word = parts.dropFirst().first(where: { $0.hasPrefix("lora_") }) else {
      return parts[0] == "base_model" ? found(.peft, "keys begin with base_model") : nil
    }
    return components.contains(parts[0])
      ? found(.diffusers, "keys begin with the component \(parts[0])")
      : found(.peft, "keys hold .\(Fault.escaped(word, limit: 32))")
  }

  private static func sign(of configuration: JSONValue?) -> AdapterDetection? {
    guard let configuration else { return nil }
    if let type = configuration["peft_type"] {
      let own: [String: AdapterDialect] = ["TINYLORA": .tinyLoRA, "VERA": .vera]
      return AdapterDetection(
        dialect: type.stringValue.flatMap { own[$0] } ?? .peft,
        reason: "adapter_config.json has peft_type")
    }
    for key in ["fine_tune_type", "lora_parameters", "lora_layers"]
    where configuration[key] != nil {
      return AdapterDetection(dialect: .mlx, reason: "adapter_config.json has \(key)")
    }
    return nil
  }
}
