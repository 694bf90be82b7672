import Checkpoints
import Faults
import JSON
import Tensors

/// Reads the PEFT dialect: LoRA with its variants, and AdaLoRA (`formats/peft.md`).
enum PEFTReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    if let members = PEFTNetworkReader.members(files.configuration) {
      return try PEFTNetworkReader.read(files, members)
    }
    let configuration = try configuration(of: files)
    var reading = AdapterReading(
      warnings: configuration.warnings, baseModelName: configuration.baseModelName)
    reading.tiesHead = configuration.tiesHead
    reading.stackedLayerCount = configuration.stackedLayerCount
    let all = try table(files.source.tensors, &reading).ordered()
    try PEFTOtherParts.checkNamed(all, configuration, &reading)
    let entries = try targeted(
      all, configuration.targets, parameters: configuration.targetParameters, &reading)
    try ExpansionBudget(memory: files.memory).admit(
      entries.flatMap { expansions(of: $0, configuration) })
    for entry in entries {
      if let latent = entry["lora_latent_mapping"] {
        throw Fault(
          .unsupported, "AD-TENSOR", "is a LoRA-XS latent, not PEFT; leave out --format",
          tensor: latent.name)
      }
      if try PEFTOtherParts.read(entry, files.source, configuration, &reading) { continue }
      try read(entry, files.source, configuration, &reading)
    }
    return reading
  }

  /// The configuration, which PEFT cannot do without.
  static func configuration(of files: AdapterFiles) throws(Fault) -> PEFTConfiguration {
    guard let value = files.configuration else {
      // The tensors may say more than "missing".
      for tensor in files.tensors { _ = try PEFTKey(tensor.name) }
      throw Fault(
        .missingInput, "IO-OPEN", "is missing: rank and scaling are unknown without it",
        path: files.configurationPath)
    }
    do throws(Fault) {
      return try PEFTConfiguration(value)
    } catch {
      throw error.at(path: files.configurationPath)
    }
  }

  /// The factors by module.
  static func table(
    _ tensors: [TensorInfo], _ reading: inout AdapterReading
  ) throws(Fault) -> FactorTable {
    var table = FactorTable()
    for tensor in tensors {
      let key = try PEFTKey(tensor.name)
      if key.part == .ignored {
        reading.warnings.append(
          Warning("AD-TENSOR", "the tensor is ignored", subject: tensor.name))
        continue
      }
      try table.add(tensor, module: key.moduleName, part: key.part.name)
    }
    return table
  }

  /// The entries that PEFT applies by `target_modules` and what goes with it (`formats/peft.md` §2.4); the others are
  /// named in warnings.
  ///
  /// - Parameter parameters: `target_parameters`, whose factors `target_modules` says nothing of.
  /// - Throws: 65 `AD-TARGET` where that is none of those with factors.
  static func targeted(
    _ entries: [FactorTable.Entry], _ targets: PEFTTargets, parameters: [String] = [],
    _ reading: inout AdapterReading
  ) throws(Fault) -> [FactorTable.Entry] {
    var (kept, seen): ([FactorTable.Entry], [String]) = ([], [])
    var hasTarget = false
    for entry in entries {
      guard entry.hasFactors, !PEFTOtherParts.isStack(entry),
        PEFTOtherParts.parameters(of: entry.module, parameters).isEmpty,
        !PEFTOtherParts.isWeightTarget(entry.module, parameters)
      else {
        kept.append(entry)
        hasTarget = hasTarget || entry.hasFactors
        continue
      }
      seen.append(entry.module)
      let isEmbedding = entry.parts.keys.contains { $0.hasPrefix("lora_embedding_") }
      if targets.decision(on: entry.module, isEmbedding: isEmbedding) != .outside {
        kept.append(entry)
        hasTarget = true
        continue
      }
      let isTied = reading.tiesHead && PEFTTargets.isEnding("lm_head", of: entry.module)
      reading.warnings.append(
        Warning(
          "AD-TARGET",
          isTied
            ? "is tied to the embeddings and follows them, so its own copy of their factors is not needed"
            : "is no target of the configuration, so its factors are not applied",
          subject: entry.module))
      // Whole parameters are loaded wherever they are.
      let rest = entry.keeping { $0 != "base_layer.weight" && PEFTOtherParts.isWhole($0) }
      if let rest { kept.append(rest) }
      reading.unusedCount &+= entry.elementCount &- (rest?.elementCount ?? 0)
    }
    guard hasTarget || seen.isEmpty else {
      let named = targets.unmatched(seen)
      throw Fault(
        .badData, "AD-TARGET",
        "target_modules \(Fault.escaped(named.joined(separator: ", "), limit: 96)), with what else chooses "
          + "modules, names none of the file's, such as \(Fault.escaped(seen[0], limit: 96))")
    }
    for target in targets.unmatched(seen) {
      reading.warnings.append(
        Warning("AD-TARGET", "entry of target_modules names no module of the file", subject: target)
      )
    }
    return kept
  }

  // MARK: - One module

  /// What the factors of a module take beyond those in the file: BD-LoRA's zeros, then QALoRA's repetitions.
  private static func expansions(
    of entry: FactorTable.Entry, _ configuration: PEFTConfiguration
  ) -> [Expansion] {
    guard let a = entry["lora_A"]?.shape, let b = entry["lora_B"]?.shape, a.count == 2, b.count == 2
    else { return [] }
    var result: [Expansion] = []
    var width = a[1]
    if let blocks = configuration.blocks {
      let (isInput, isOutput) = blocks.sides(of: entry.module)
      if isInput { width = Expansion.product(width, blocks.count) }
      if isInput { result.append(Expansion(rank: a[0], outFeatures: 0, inFeatures: width)) }
      if isOutput {
        let columns = Expansion.product(b[1], blocks.count)
        result.append(Expansion(rank: b[0], outFeatures: 0, inFeatures: columns))
      }
    }
    if let group = configuration.qaLoRAGroup {
      width = Expansion.product(width, group)
      result.append(Expansion(rank: a[0], outFeatures: 0, inFeatures: width))
    }
    return result
  }

  private static func read(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let suffix = configuration.isAdaptive ? " without .weight" : ""
    let (aTensor, bTensor) = (
      try entry.required("lora_A" + suffix), try entry.required("lora_B" + suffix)
    )
    var known = ["lora_A" + suffix, "lora_B" + suffix]
    if configuration.isAdaptive { known.append("lora_E") }
    if configuration.isKaSA { known.append("lora_diag") }
    if configuration.usesMagnitudes { known.append("lora_magnitude_vector") }
    // The module's own bias is a change of its own, read before.
    known += ["bias", "base_layer.weight"]
    if !configuration.isAdaptive { known.append("lora_B.bias") }
    if let other = entry.parts.first(where: { !known.contains($0.key) }) {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "\(other.key) is no part of what the configuration says this "
          + "\(configuration.isAdaptive ? "ADALORA" : "LORA") is", tensor: other.value.name)
    }
    if aTensor.shape.count > 2 {
      try PEFTOtherParts.readConvolution(entry, source, configuration, &reading)
      return
    }
    var (a, b) = (try source.matrix(aTensor), try source.matrix(bTensor))
    if let blocks = configuration.blocks {
      (a, b) = try blocks.whole(a: a, b: b, module: entry.module)
    }
    try checkRanks(a, b, module: entry.module)
    let rank = a.rows
    let key = PEFTOtherParts.patternKey(of: entry.module, configuration.targetParameters)
    try checkRank(rank, key, configuration, limit: min(a.columns, b.rows))
    if configuration.isAdaptive, rank == 0 {
      // AdaLoRA may prune a module away: its update is none.
      reading.warnings.append(Warning("AD-RANK", "pruned to rank 0", subject: entry.module))
      return
    }
    var full = a
    if let group = configuration.qaLoRAGroup {
      full = try spread(a, over: group, module: entry.module)
    }
    if configuration.isAdaptive {
      full = try weighted(full, by: try entry.required("lora_E"), source)
    }
    if configuration.isKaSA {
      full = try weighted(full, by: try entry.required("lora_diag"), source)
    }
    let scaling = try configuration.scaling(of: key)
    try reading.add(
      entry.module, a: full, b: b, scaling: scaling,
      relation: try relation(entry, source, configuration, rank: rank, outFeatures: b.rows))
    if let tensor = entry["lora_B.bias"] {
      let bias = try source.vector(tensor, count: b.rows)
      reading.parts.append(
        AdapterPart(
          module: entry.module, leaf: "bias", shape: [b.rows],
          change: .added(bias.map { Float(Double($0) * scaling) })))
    }
  }

  /// What the update means beside a base (`formats/peft.md` §5).
  private static func relation(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    rank: Int, outFeatures: Int
  ) throws(Fault) -> BaseRelation {
    var relations: [BaseRelation] = []
    if configuration.usesMagnitudes {
      let tensor = try entry.required("lora_magnitude_vector")
      relations.append(.magnitudes(try source.vector(tensor, count: outFeatures)))
    }
    if configuration.isKaSA { relations.append(.withoutSmallest(rank)) }
    switch configuration.initialisation {
    case .unchanged: break
    case .principal: relations.append(.withoutPrincipal(rank))
    case .orthogonal: relations.append(.withoutLeadingQR(rank))
    }
    guard relations.count < 2 else {
      throw Fault(
        .unsupported, "AD-FIELD",
        "two of use_dora, kasa_config and an initialisation that changes the base at once; merge the "
          + "adapter into the base")
    }
    return relations.first ?? .none
  }

  /// Compares a rank with the configuration's for the module.
  ///
  /// - Parameter limit: What the weight's own singular components or columns leave of a larger rank.
  static func checkRank(
    _ rank: Int, _ key: String, _ configuration: PEFTConfiguration, limit: Int = Int.max
  ) throws(Fault) {
    let expected = try configuration.rank(of: key)
    let isCut = configuration.initialisation != .unchanged && expected > limit && rank == limit
    guard rank == expected || isCut else {
      throw Fault(
        .badData, "AD-RANK", "rank \(rank) in the tensors, \(expected) in the configuration",
        tensor: key)
    }
  }

  /// A `[rank, inFeatures]` and B `[outFeatures, rank]`.
  static func pair(
    _ a: TensorInfo, _ b: TensorInfo, _ source: any TensorSource, module: String
  ) throws(Fault) -> (Matrix<Float>, Matrix<Float>) {
    let (a, b) = (try source.matrix(a), try source.matrix(b))
    try checkRanks(a, b, module: module)
    return (a, b)
  }

  static func checkRanks(
    _ a: Matrix<Float>, _ b: Matrix<Float>, module: String
  ) throws(Fault) {
    guard a.rows == b.columns else {
      throw Fault(
        .badData, "AD-SHAPE",
        "lora_A is [\(a.rows), \(a.columns)], lora_B is [\(b.rows), \(b.columns)]: ranks differ",
        tensor: module)
    }
  }

  /// Each row of A times its entry of a diagonal: AdaLoRA's `[rank, 1]`, KaSA's `[rank]`
  /// (`formats/peft.md` §4.4, §5.4).
  private static func weighted(
    _ a: Matrix<Float>, by tensor: TensorInfo, _ source: any TensorSource
  ) throws(Fault) -> Matrix<Float> {
    let diagonal = try source.vector(tensor, count: a.rows)
    var result = a
    for row in 0..<a.rows {
      for column in 0..<a.columns { result[row, column] *= diagonal[row] }
    }
    return result
  }

  /// QALoRA: A works on means of `group` inputs times their number (`formats/peft.md` §4.5).
  private static func spread(
    _ a: Matrix<Float>, over group: Int, module: String
  ) throws(Fault) -> Matrix<Float> {
    let (columns, overflow) = a.columns.multipliedReportingOverflow(by: group)
    guard !overflow, columns <= 1 << 24 else {
      throw Fault(
        .badData, "AD-SHAPE", "lora_A has \(a.columns) groups of \(group) inputs", tensor: module)
    }
    let factor = Float(Double(a.columns) / Double(group))
    var result = Matrix<Float>(rows: a.rows, columns: columns)
    for row in 0..<a.rows {
      for column in 0..<columns { result[row, column] = a[row, column / group] * factor }
    }
    return result
  }
}
