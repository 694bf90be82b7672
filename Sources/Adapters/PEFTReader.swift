import Checkpoints
import Faults
import JSON
import Tensors

/// Reads the PEFT dialect: LoRA, QALoRA and AdaLoRA of linear modules (`formats/peft.md`).
enum PEFTReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    if PEFTNetworkReader.covers(files.configuration) { return try PEFTNetworkReader.read(files) }
    let configuration = try configuration(of: files)
    var reading = AdapterReading(
      warnings: configuration.warnings, baseModelName: configuration.baseModelName)
    let entries = try table(files.source.tensors, &reading).ordered()
    try checkTargets(entries.map(\.module), configuration, &reading.warnings)
    var budget = ExpansionBudget()
    for entry in entries {
      if let latent = entry["lora_latent_mapping"] {
        throw Fault(
          .unsupported, "AD-TENSOR", "is a LoRA-XS latent, not PEFT; leave out --format",
          tensor: latent.name)
      }
      try read(entry, files.source, configuration, &budget, &reading)
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
      let part: String
      switch key.factor {
      case .a(let isBare): part = isBare ? "lora_A without .weight" : "lora_A"
      case .b(let isBare): part = isBare ? "lora_B without .weight" : "lora_B"
      case .diagonal: part = "lora_E"
      case .latent: part = "lora_latent_mapping"
      case .ignored:
        reading.warnings.append("tensor \(Fault.escaped(tensor.name, limit: 96)) is ignored")
        continue
      }
      try table.add(tensor, module: key.moduleName, part: part)
    }
    return table
  }

  private static func checkTargets(
    _ modules: [String], _ configuration: PEFTConfiguration, _ warnings: inout [String]
  ) throws(Fault) {
    let unmatched = configuration.unmatchedTargets(modules)
    let total = max(configuration.targetModules.count, 1)
    guard unmatched.count < total || configuration.targetModules.isEmpty && unmatched.isEmpty else {
      throw Fault(
        .badData, "AD-TARGET",
        "target_modules \(Fault.escaped(unmatched.joined(separator: ", "), limit: 96)) name none "
          + "of the modules, such as \(Fault.escaped(modules.first ?? "", limit: 96))")
    }
    for target in unmatched {
      warnings.append(
        "target_modules entry \(Fault.escaped(target, limit: 96)) names no module of the file")
    }
  }

  // MARK: - One module

  private static func read(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ budget: inout ExpansionBudget, _ reading: inout AdapterReading
  ) throws(Fault) {
    let suffix = configuration.isAdaptive ? " without .weight" : ""
    let (aTensor, bTensor) = (
      try entry.required("lora_A" + suffix), try entry.required("lora_B" + suffix)
    )
    let known =
      ["lora_A" + suffix, "lora_B" + suffix] + (configuration.isAdaptive ? ["lora_E"] : [])
    if let other = entry.parts.first(where: { !known.contains($0.key) }) {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is no factor of peft_type \(configuration.isAdaptive ? "ADALORA" : "LORA")",
        tensor: other.value.name)
    }
    let (a, b) = try pair(aTensor, bTensor, source, module: entry.module)
    let rank = a.rows
    let expected = configuration.rank(of: entry.module)
    guard rank == expected else {
      throw Fault(
        .badData, "AD-RANK", "rank \(rank) in the tensors, \(expected) in the configuration",
        tensor: entry.module)
    }
    if configuration.isAdaptive, rank == 0 {
      // AdaLoRA may prune a module away: its update is none.
      reading.warnings.append("\(Fault.escaped(entry.module, limit: 96)): pruned to rank 0")
      return
    }
    var full = a
    if let group = configuration.qaLoRAGroup {
      full = try spread(a, over: group, module: entry.module, &budget)
    }
    guard rank <= min(full.columns, b.rows) else {
      throw Fault(
        .badData, "AD-RANK", "rank \(rank) for a weight of [\(b.rows), \(full.columns)]",
        tensor: entry.module)
    }
    if configuration.isAdaptive {
      full = try weighted(full, by: try entry.required("lora_E"), source)
    }
    try reading.add(
      entry.module, a: full, b: b, scaling: configuration.scaling(of: entry.module))
  }

  /// A `[rank, inFeatures]` and B `[outFeatures, rank]`.
  static func pair(
    _ a: TensorInfo, _ b: TensorInfo, _ source: any TensorSource, module: String
  ) throws(Fault) -> (Matrix<Float>, Matrix<Float>) {
    let (a, b) = (try source.matrix(a), try source.matrix(b))
    guard a.rows == b.columns else {
      throw Fault(
        .badData, "AD-SHAPE",
        "lora_A is [\(a.rows), \(a.columns)], lora_B is [\(b.rows), \(b.columns)]: ranks differ",
        tensor: module)
    }
    return (a, b)
  }

  /// AdaLoRA: each row of A times its entry of E `[rank, 1]` (`formats/peft.md` §4.4).
  private static func weighted(
    _ a: Matrix<Float>, by tensor: TensorInfo, _ source: any TensorSource
  ) throws(Fault) -> Matrix<Float> {
    guard tensor.shape == [a.rows, 1] else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape), expected [\(a.rows), 1]",
        tensor: tensor.name)
    }
    let diagonal = try source.values(of: tensor)
    var result = a
    for row in 0..<a.rows {
      for column in 0..<a.columns { result[row, column] *= diagonal[row] }
    }
    return result
  }

  /// QALoRA: A works on means of `group` inputs times their number (`formats/peft.md` §4.5).
  private static func spread(
    _ a: Matrix<Float>, over group: Int, module: String, _ budget: inout ExpansionBudget
  ) throws(Fault) -> Matrix<Float> {
    let (columns, overflow) = a.columns.multipliedReportingOverflow(by: group)
    guard !overflow, columns <= 1 << 24 else {
      throw Fault(
        .badData, "AD-SHAPE", "lora_A has \(a.columns) groups of \(group) inputs", tensor: module)
    }
    try budget.spend(rank: a.rows, outFeatures: 0, inFeatures: columns, module: module)
    let factor = Float(Double(a.columns) / Double(group))
    var result = Matrix<Float>(rows: a.rows, columns: columns)
    for row in 0..<a.rows {
      for column in 0..<columns { result[row, column] = a[row, column / group] * factor }
    }
    return result
  }
}
