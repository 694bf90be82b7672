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
  /// `layer_replication`: how many layers PEFT makes the base have; nil for as many as it has.
  let stackedLayerCount: Int?
  /// `ensure_weight_tying`: a tied head changes with the embeddings.
  let tiesHead: Bool
  /// Members beyond a plain LoRA that the PEFT reader understands; other readers of this configuration do not.
  private let extensions: [JSONObject.Member]
  /// `base_model_name_or_path`: shown, never opened.
  public let baseModelName: String?
  /// `peft_version`.
  public let producerVersion: String?
  /// What the reader should tell people.
  public let warnings: [Warning]

  /// Which modules have an adapter.
  let targets: PEFTTargets
  /// Whether PEFT before 0.14 wrote the file: `exclude_modules` came with that version, which always writes it.
  let isBeforeExclusion: Bool
  private let ranks: ModuleValues<Int>
  private let alphas: ModuleValues<Double>
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
    blocks = try BlockDiagonal(root["use_bdlora"], &warnings)
    isKaSA = root["kasa_config"].isPresent
    tiesHead = try PEFTConfiguration.flag(root["ensure_weight_tying"])
    initialisation = Initialisation(root["init_lora_weights"].value)
    targetParameters = try root["target_parameters"].strings()
    savedModules = try root["modules_to_save"].strings()
    tokenIndices = try PEFTConfiguration.tokens(root["trainable_token_indices"])
    stackedLayerCount = try PEFTConfiguration.stackedLayers(root["layer_replication"])
    rank = try PEFTConfiguration.standard(
      root[isAdaptive ? "init_r" : "r"], isAdaptive ? 12 : 8, &warnings, PEFTConfiguration.rank)
    alpha = try PEFTConfiguration.standard(
      root["lora_alpha"], 8, &warnings, PEFTConfiguration.alpha)
    usesRankStabilizedScaling = try PEFTConfiguration.flag(root["use_rslora"])
    isBaseTransposed = try PEFTConfiguration.flag(root["fan_in_fan_out"])
    if isBaseTransposed {
      warnings.append(
        Warning(
          "AD-CONFIG",
          "fan_in_fan_out is true: it concerns Conv1D bases only, linear ones ignore it"))
    }
    if alpha == 0 { warnings.append(Warning("AD-ALPHA", "lora_alpha is 0: the update is zero")) }
    // AdaLoRA's layers know nothing of groups.
    qaLoRAGroup = isAdaptive ? nil : try PEFTConfiguration.qaLoRAGroup(root)
    prunedRanks =
      isAdaptive ? try PEFTConfiguration.prunedRanks(root["rank_pattern"], of: rank) : [:]
    ranks = try ModuleValues(
      isAdaptive ? JSONField(nil) : root["rank_pattern"], standard: rank, PEFTConfiguration.rank)
    alphas = try ModuleValues(root["alpha_pattern"], standard: alpha, PEFTConfiguration.alpha)
    isBeforeExclusion = object["exclude_modules"] == nil
    if isBeforeExclusion, !ranks.isEmpty, !alphas.isEmpty {
      warnings.append(
        Warning(
          "AD-PATTERN",
          "written before PEFT 0.14, which looked for alpha under the key that gave the rank: so does this reader"
        ))
    }
    targets = try PEFTTargets(root)
    warnings += targets.warnings
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
  ///
  /// - Throws: 69 `AD-PATTERN` for a pattern that takes too long.
  public func rank(of moduleName: String) throws(Fault) -> Int {
    if isAdaptive { return prunedRanks[UTF8Key(moduleName)] ?? rank }
    return try ranks.of(moduleName)
  }

  /// The scaling s of a module (`formats/peft.md` §4).
  ///
  /// - Throws: 69 `AD-PATTERN` for a pattern that takes too long.
  public func scaling(of moduleName: String) throws(Fault) -> Double {
    let rank = Double(try rank(of: moduleName))
    if isAdaptive { return (alpha > 0 ? alpha : rank) / (Double(self.rank) + 1e-5) }
    let alpha = try isBeforeExclusion ? alphas.of(moduleName, after: ranks) : alphas.of(moduleName)
    return alpha / (usesRankStabilizedScaling ? rank.squareRoot() : rank)
  }

  // MARK: - Fields

  private static func isAdaptive(_ root: JSONField) throws(Fault) -> Bool {
    guard root["peft_type"].isPresent else {
      throw Fault(.unsupported, "AD-TYPE", "peft_type is missing, not a PEFT adapter")
    }
    let type = try root["peft_type"].string()
    guard type == "LORA" || type == "ADALORA" else {
      throw Fault(
        .unsupported, "AD-TYPE",
        "peft_type \(Fault.escaped(type, limit: 32)) is not supported, only LORA, ADALORA, "
          + "LOHA, LOKR, TINYLORA and VERA; merge it into the base and extract a LoRA")
    }
    return type == "ADALORA"
  }

  /// A number that PEFT has a default for: written out by most, and left out by some.
  private static func standard<Number: Numeric>(
    _ field: JSONField, _ value: Int, _ warnings: inout [Warning],
    _ read: (JSONField) throws(Fault) -> Number
  ) throws(Fault) -> Number {
    if field.value != nil { return try read(field) }
    warnings.append(
      Warning("AD-CONFIG", "missing: PEFT takes \(value)", subject: field.path))
    return Number(exactly: value) ?? 0
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
  ///
  /// - Throws: 65 `AD-RANK` for a mask of another length, which PEFT cannot apply either.
  private static func prunedRanks(
    _ field: JSONField, of whole: Int
  ) throws(Fault) -> [UTF8Key: Int] {
    var ranks: [UTF8Key: Int] = [:]
    guard field.isPresent else { return ranks }
    for (key, mask) in try field.fields() {
      var parts = PEFTKey.path(key)
      if let place = parts.lastIndex(of: "lora_E") { parts.removeSubrange(place...) }
      let entries = try mask.array()
      guard entries.count == whole else {
        throw Fault(
          .badData, "AD-RANK",
          "rank_pattern has a mask of \(entries.count) entries, init_r is \(whole)", tensor: key)
      }
      var rank = 0
      for entry in entries where try entry.bool() { rank += 1 }
      ranks[UTF8Key(parts.joined(separator: "."))] = rank
    }
    return ranks
  }

  private static func flag(_ field: JSONField) throws(Fault) -> Bool {
    field.isPresent ? try field.bool() : false
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
}
