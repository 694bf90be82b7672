public import Faults
public import JSON

/// What `adapter_config.json` says about the update (`formats/peft.md` §2).
///
/// Fields that change the update are understood or refused by name; fields that cannot are listed in
/// the specification; an unknown field with a value is refused, because newer versions add meaning.
public struct PEFTConfiguration: Sendable {
  /// `r`, before patterns.
  public let rank: Int
  /// `lora_alpha`, before patterns.
  public let alpha: Double
  /// `use_rslora`: s = alpha/√r instead of alpha/r.
  public let usesRankStabilizedScaling: Bool
  /// Whether this is AdaLoRA, whose factors have a diagonal between them.
  public let isAdaptive: Bool
  /// `qalora_group_size` when `use_qalora`: how many inputs share a column of A.
  public let qaLoRAGroup: Int?
  /// `fan_in_fan_out`: the base stores its weights transposed.
  public let isBaseTransposed: Bool
  /// `use_dora`: the file has magnitudes.
  public let usesMagnitudes: Bool
  /// `use_bdlora`: factors stored block by block.
  let blocks: BlockDiagonal?
  /// Whether a `kasa_config` is there: a diagonal between the factors, and a base without its last components.
  let isKaSA: Bool
  /// What `init_lora_weights` did to the base.
  let initialisation: Initialisation
  /// `target_parameters`: paths of parameters whose factors lie in the module above them.
  let targetParameters: [String]
  /// `trainable_token_indices` by the end of the embedding's path, each ascending.
  let tokenIndices: [(module: String, indices: [Int])]
  /// Modules that `modules_to_save` names by the ends of their paths.
  let savedModules: [String]
  /// `ensure_weight_tying`: a tied head changes with the embeddings.
  let tiesHead: Bool
  /// Members beyond a plain LoRA that the PEFT reader understands; other readers of this configuration do not.
  private let extensions: [JSONObject.Member]
  /// `target_modules` when it is a list.
  public let targetModules: [String]
  /// `base_model_name_or_path`: shown, never opened.
  public let baseModelName: String?
  /// `peft_version`.
  public let producerVersion: String?
  /// What the reader should tell people.
  public let warnings: [Warning]

  private let rankPattern: [(pattern: ModulePattern, rank: Int)]
  private let alphaPattern: [(pattern: ModulePattern, alpha: Double)]
  private let targetPattern: ModulePattern?
  /// AdaLoRA's ranks after pruning, by module.
  private let prunedRanks: [UTF8Key: Int]

  /// Reads the parsed file.
  ///
  /// - Throws: 69 `AD-FIELD` naming the field that is not supported; 69 `AD-TYPE` for another kind of
  ///   adapter; 65 `AD-RANK`, `AD-ALPHA`, `AD-FIELD` for values out of range.
  public init(_ value: JSONValue) throws(Fault) {
    let root = JSONField(value, code: "AD-FIELD")
    let object = try root.object()
    isAdaptive = try PEFTConfiguration.isAdaptive(root)
    var warnings: [Warning] = []
    var extensions: [JSONObject.Member] = []
    for member in object.members {
      if PEFTConfiguration.isExtension(member) {
        if isAdaptive { throw PEFTConfiguration.refused(member) }
        extensions.append(member)
      } else {
        try PEFTConfiguration.check(member, isAdaptive: isAdaptive, &warnings)
      }
    }
    self.extensions = extensions
    usesMagnitudes = try PEFTConfiguration.flag(root["use_dora"])
    _ = try PEFTConfiguration.flag(root["lora_bias"])
    blocks = try BlockDiagonal(root["use_bdlora"])
    isKaSA = root["kasa_config"].isPresent
    tiesHead = try PEFTConfiguration.flag(root["ensure_weight_tying"])
    initialisation = Initialisation(root["init_lora_weights"].value)
    targetParameters = try PEFTConfiguration.names(root["target_parameters"])
    savedModules = try PEFTConfiguration.names(root["modules_to_save"])
    tokenIndices = try PEFTConfiguration.tokens(root["trainable_token_indices"])
    try PEFTConfiguration.checkReplication(root["layer_replication"])
    rank = try PEFTConfiguration.rank(root[isAdaptive ? "init_r" : "r"])
    alpha = try PEFTConfiguration.alpha(root["lora_alpha"])
    usesRankStabilizedScaling = try PEFTConfiguration.flag(root["use_rslora"])
    isBaseTransposed = try PEFTConfiguration.flag(root["fan_in_fan_out"])
    if isBaseTransposed {
      warnings.append(
        Warning(
          "AD-CONFIG",
          "fan_in_fan_out is true: it concerns Conv1D bases only, linear ones ignore it"))
    }
    if alpha == 0 { warnings.append(Warning("AD-ALPHA", "lora_alpha is 0: the update is zero")) }
    qaLoRAGroup = try PEFTConfiguration.qaLoRAGroup(root)
    prunedRanks = isAdaptive ? try PEFTConfiguration.prunedRanks(root["rank_pattern"]) : [:]
    var ranks: [(ModulePattern, Int)] = []
    if !isAdaptive, root["rank_pattern"].isPresent {
      for (key, field) in try root["rank_pattern"].fields() {
        ranks.append((try ModulePattern(key), try PEFTConfiguration.rank(field)))
      }
    }
    var alphas: [(ModulePattern, Double)] = []
    if root["alpha_pattern"].isPresent {
      for (key, field) in try root["alpha_pattern"].fields() {
        alphas.append((try ModulePattern(key), try PEFTConfiguration.alpha(field)))
      }
    }
    (rankPattern, alphaPattern) = (ranks, alphas)
    (targetModules, targetPattern) = try PEFTConfiguration.targets(root["target_modules"])
    baseModelName = root["base_model_name_or_path"].value?.stringValue
    producerVersion = root["peft_version"].value?.stringValue
    self.warnings = warnings
  }

  /// Refuses what only the reader of PEFT's LoRA understands (69 `AD-FIELD`).
  func requirePlain(except key: String? = nil) throws(Fault) {
    if let member = extensions.first(where: { $0.key != key }) {
      throw PEFTConfiguration.refused(member)
    }
  }

  // MARK: - Per module

  /// The rank of a module: the first matching `rank_pattern` in file order, else `r`; what pruning left
  /// of `init_r` for AdaLoRA.
  public func rank(of moduleName: String) -> Int {
    if isAdaptive { return prunedRanks[UTF8Key(moduleName)] ?? rank }
    return rankPattern.first { $0.pattern.matches(moduleName) }?.rank ?? rank
  }

  /// The scaling s of a module (`formats/peft.md` §4).
  public func scaling(of moduleName: String) -> Double {
    if isAdaptive {
      let numerator = alpha > 0 ? alpha : Double(rank(of: moduleName))
      return numerator / (Double(rank) + 1e-5)
    }
    let alpha = alphaPattern.first { $0.pattern.matches(moduleName) }?.alpha ?? alpha
    let rank = Double(rank(of: moduleName))
    return alpha / (usesRankStabilizedScaling ? rank.squareRoot() : rank)
  }

  /// Which targets name none of the modules: list entries as they are, or the expression.
  public func unmatchedTargets(_ moduleNames: [String]) -> [String] {
    if let targetPattern {
      return moduleNames.contains { targetPattern.matchesWhole($0) } ? [] : [targetPattern.text]
    }
    return targetModules.filter { target in
      !moduleNames.contains {
        UTF8Key.equalBytes($0, target) || Array($0.utf8).hasSuffix(Array(".\(target)".utf8))
      }
    }
  }

  // MARK: - Fields

  /// Fields that do not change the update (`formats/peft.md` §2.2).
  private static let inert: Set<String> = [
    "peft_type", "r", "lora_alpha", "use_rslora", "fan_in_fan_out", "rank_pattern",
    "alpha_pattern", "target_modules", "base_model_name_or_path", "peft_version", "task_type",
    "inference_mode", "lora_dropout", "exclude_modules", "layers_to_transform", "layers_pattern",
    "auto_mapping", "revision", "megatron_config", "megatron_core", "loftq_config", "eva_config",
    "runtime_config", "use_qalora", "qalora_group_size", "ensure_weight_tying",
    "path_initial_model_for_weight_conversion", "low_cpu_mem_usage", "ephemeral_gpu_offload",
    "layer_replication",
  ]

  /// Members of AdaLoRA's configuration that steer training only.
  private static let adaptiveInert: Set<String> = [
    "target_r", "init_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight",
    "total_step",
  ]

  private static func isAdaptive(_ root: JSONField) throws(Fault) -> Bool {
    guard root["peft_type"].isPresent else {
      throw Fault(.unsupported, "AD-TYPE", "peft_type is missing, not a PEFT adapter")
    }
    let type = try root["peft_type"].string()
    guard type == "LORA" || type == "ADALORA" else {
      throw Fault(
        .unsupported, "AD-TYPE",
        "peft_type \(Fault.escaped(type, limit: 32)) is not supported, only LORA, ADALORA, "
          + "LOHA, LOKR and TINYLORA; merge it into the base and extract a LoRA")
    }
    return type == "ADALORA"
  }

  private static func check(
    _ member: JSONObject.Member, isAdaptive: Bool, _ warnings: inout [Warning]
  ) throws(Fault) {
    if inert.contains(member.key) || isAdaptive && adaptiveInert.contains(member.key) { return }
    switch member.key {
    case "bias":
      // Trained biases are tensors of the file; a base without any has none to train.
      guard member.value.isNull || ["none", "all", "lora_only"].contains(member.value.stringValue)
      else { throw refused(member) }
    case "init_lora_weights":
      guard Initialisation.isKnown(member.value) else { throw refused(member) }
    case "velora_config", "monteclora_config":
      if isActive(member.value) {
        warnings.append(
          Warning(
            "AD-CONFIG",
            "\(member.key): at inference this is plain LoRA, extra tensors are ignored"))
      }
    default:
      try requireInactive(member)
    }
  }

  /// Refuses a member of unknown effect that has a value (69 `AD-FIELD`).
  static func requireInactive(_ member: JSONObject.Member) throws(Fault) {
    if isActive(member.value) { throw refused(member) }
  }

  /// Whether a member says more than a plain LoRA's configuration does.
  private static func isExtension(_ member: JSONObject.Member) -> Bool {
    switch member.key {
    case "use_dora", "lora_bias", "modules_to_save", "trainable_token_indices", "use_bdlora",
      "kasa_config", "target_parameters":
      isActive(member.value)
    case "bias": ["all", "lora_only"].contains(member.value.stringValue)
    case "init_lora_weights": Initialisation(member.value) != .unchanged
    default: false
    }
  }

  /// Why a member cannot be honoured and what its owner can do (`formats/peft.md` §2.3).
  private static let advice: [String: String] = [
    "use_dora": "a magnitude beside these factors; merge the adapter into the base",
    "lora_bias": "a bias beside these factors; merge the adapter into the base",
    "bias": "a bias beside these factors; save it into the base first",
    "modules_to_save": "whole modules beside these factors; save them into the base first",
    "trainable_token_indices": "token rows beside these factors; merge the adapter into the base",
    "layer_replication": "layers of an expanded model; write that model out as the base",
    "alora_invocation_tokens": "active after certain tokens only, which no change of weights is; "
      + "train without, or serve it with PEFT",
    "arrow_config": "a mixture that depends on the input; convert its adapters one by one",
    "use_bdlora": "block-diagonal factors; merge the adapter into the base",
    "kasa_config": "the base lost singular directions; merge the adapter into the base",
    "target_parameters": "parameters of fused experts; merge the adapter into the base",
    "corda_config":
      "the base was changed by statistics of data, which the file does not hold; save with "
      + "path_initial_model_for_weight_conversion",
    "lora_ga_config": "the base was changed by gradients, which the file does not hold; save with "
      + "path_initial_model_for_weight_conversion",
  ]

  /// The same for initialisations, by the words they begin with.
  private static let initialisationAdvice: [(word: String, text: String)] = [
    (
      "pissa_niter",
      "its randomised factors cannot be drawn again; save with "
        + "path_initial_model_for_weight_conversion"
    ),
    ("loftq", "trained beside a quantised base of its own; merge the adapter into that base"),
  ]

  private static func refused(_ member: JSONObject.Member) -> Fault {
    var text =
      advice[member.key] ?? "a field that this version does not know; it may change the update"
    if member.key == "init_lora_weights" {
      let word = member.value.stringValue ?? ""
      text =
        initialisationAdvice.first { word.hasPrefix($0.word) }?.text
        ?? "the base was changed; save with path_initial_model_for_weight_conversion"
    }
    return Fault(
      .unsupported, "AD-FIELD",
      "\(Fault.escaped(member.key, limit: 64)) = "
        + "\(Fault.escaped(member.value.text(), limit: 64)) is not supported: \(text)")
  }

  /// Whether a field has a value other than null, false, "" and empty.
  private static func isActive(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool(false): false
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let object): !object.isEmpty
    default: true
    }
  }

  private static func rank(_ field: JSONField) throws(Fault) -> Int {
    guard let rank = field.value?.intValue, (1...65_536).contains(rank) else {
      let found = field.value.map { Fault.escaped($0.text(), limit: 32) } ?? "missing"
      throw Fault(
        .badData, "AD-RANK", "\(field.path) is \(found), expected a whole number in 1...65536")
    }
    return rank
  }

  private static func alpha(_ field: JSONField) throws(Fault) -> Double {
    guard let alpha = field.value?.doubleValue, abs(alpha) <= 1e9 else {
      let found = field.value.map { Fault.escaped($0.text(), limit: 32) } ?? "missing"
      throw Fault(
        .badData, "AD-ALPHA", "\(field.path) is \(found), expected a number within +-1e9")
    }
    return alpha
  }

  private static func qaLoRAGroup(_ root: JSONField) throws(Fault) -> Int? {
    guard try flag(root["use_qalora"]) else { return nil }
    return try root["qalora_group_size"].int(in: 1...(1 << 20))
  }

  /// AdaLoRA's masks, one a module: a tensor name and which of the `init_r` entries are left.
  private static func prunedRanks(_ field: JSONField) throws(Fault) -> [UTF8Key: Int] {
    var ranks: [UTF8Key: Int] = [:]
    guard field.isPresent else { return ranks }
    for (key, mask) in try field.fields() {
      var parts = PEFTKey.path(key)
      if let place = parts.lastIndex(of: "lora_E") { parts.removeSubrange(place...) }
      var rank = 0
      for entry in try mask.array() where try entry.bool() { rank += 1 }
      ranks[UTF8Key(parts.joined(separator: "."))] = rank
    }
    return ranks
  }

  private static func flag(_ field: JSONField) throws(Fault) -> Bool {
    field.isPresent ? try field.bool() : false
  }

  /// A list of names, or one name.
  private static func names(_ field: JSONField) throws(Fault) -> [String] {
    guard field.isPresent else { return [] }
    if let text = field.value?.stringValue { return text.isEmpty ? [] : [text] }
    var names: [String] = []
    for element in try field.array() { names.append(try element.string()) }
    return names
  }

  /// A list of the input embedding's tokens, or lists by the end of a module's path.
  private static func tokens(
    _ field: JSONField
  ) throws(Fault) -> [(module: String, indices: [Int])] {
    guard field.isPresent else { return [] }
    func indices(_ field: JSONField) throws(Fault) -> [Int] {
      var result: [Int] = []
      for element in try field.array() {
        let index = try element.int(in: 0...(1 << 30))
        guard !result.contains(index) else { throw element.fault("token \(index) is listed twice") }
        result.append(index)
      }
      return result
    }
    if field.value?.arrayValue != nil {
      let list = try indices(field)
      return list.isEmpty ? [] : [("", list)]
    }
    var result: [(module: String, indices: [Int])] = []
    for (key, field) in try field.fields() { result.append((key, try indices(field))) }
    return result
  }

  /// Adapter layers count the expanded stack; only where that is the base's own are they the base's.
  private static func checkReplication(_ field: JSONField) throws(Fault) {
    guard field.isPresent else { return }
    var next = 0
    for range in try field.array() {
      let ends = try range.array()
      guard ends.count == 2 else { throw range.fault("expected two layer numbers") }
      let (first, end) = (try ends[0].int(in: 0...(1 << 20)), try ends[1].int(in: 0...(1 << 20)))
      guard first == next, end >= first else {
        throw Fault(
          .unsupported, "AD-FIELD",
          "layer_replication = \(Fault.escaped(field.value?.text() ?? "", limit: 64)) is not supported: "
            + "\(advice["layer_replication"] ?? "")")
      }
      next = end
    }
  }

  private static func targets(_ field: JSONField) throws(Fault) -> ([String], ModulePattern?) {
    guard field.isPresent else { return ([], nil) }
    if let text = field.value?.stringValue {
      return text == "all-linear" ? ([], nil) : ([], try ModulePattern(text))
    }
    return (try names(field), nil)
  }
}

extension Array where Element == UInt8 {
  fileprivate func hasSuffix(_ other: [UInt8]) -> Bool {
    count >= other.count && self[(count - other.count)...].elementsEqual(other)
  }
}
