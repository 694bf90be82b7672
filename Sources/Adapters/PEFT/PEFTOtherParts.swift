import Checkpoints
import Faults
import JSON
import Tensors

/// What PEFT files hold beside updates of linear modules (`formats/peft.md` §8).
enum PEFTOtherParts {
  /// Reads an entry that is no linear LoRA; false where it is one.
  static func read(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) -> Bool {
    if entry["trainable_tokens_delta"] != nil {
      try readTokens(entry, source, configuration, &reading)
      return true
    }
    if entry.parts.keys.contains(where: { $0.hasPrefix("lora_embedding_") }) {
      try readEmbedding(entry, source, configuration, &reading)
      return true
    }
    let isStack = isStack(entry)
    if isStack || !parameters(of: entry.module, configuration.targetParameters).isEmpty {
      try readExperts(entry, source, configuration, &reading)
      return true
    }
    if !entry.hasFactors { return try readWhole(entry, source, &reading) }
    // A trained bias lies beside the factors of its module, and the module's own weight may.
    try addWhole("bias", entry, source, &reading)
    try addOwnWeight(entry, source, &reading)
    return false
  }

  /// Whether factors of fused experts lie below each other.
  static func isStack(_ entry: FactorTable.Entry) -> Bool {
    entry.parts.keys.contains { $0.hasSuffix("base_layer") }
  }

  /// Reads a module of which the file holds nothing but whole parameters; false where it holds more.
  static func readWhole(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ reading: inout AdapterReading
  ) throws(Fault) -> Bool {
    guard !entry.hasFactors, entry.parts.keys.allSatisfy(isWhole) else { return false }
    for leaf in ["weight", "bias"] { try addWhole(leaf, entry, source, &reading) }
    try addOwnWeight(entry, source, &reading)
    return true
  }

  /// Whether a part is a parameter saved whole, in one of its spellings.
  static func isWhole(_ part: String) -> Bool {
    ["weight", "bias"].contains { leaf in
      [leaf, "modules_to_save.\(leaf)", "original_module.\(leaf)", "base_layer.\(leaf)"]
        .contains(part)
    }
  }

  /// A parameter saved whole.
  ///
  /// Where the vocabulary was resized, PEFT writes it twice and the untrained module too.
  private static func addWhole(
    _ leaf: String, _ entry: FactorTable.Entry, _ source: any TensorSource,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let (plain, saved) = (entry[leaf], entry["modules_to_save.\(leaf)"])
    if let original = entry["original_module.\(leaf)"] {
      guard plain != nil || saved != nil else {
        throw Fault(
          .badData, "AD-PAIR", "is a module before training, and the trained one is missing",
          tensor: original.name)
      }
      reading.warnings.append(
        Warning(
          "AD-EXTRA", "is a module before training, which the saved one replaces",
          subject: original.name))
    }
    guard let tensor = saved ?? plain else { return }
    let values = try source.values(of: tensor)
    if let plain, saved != nil {
      guard plain.shape == tensor.shape, try source.values(of: plain) == values else {
        throw Fault(
          .badData, "AD-DUP",
          "is not what \(Fault.escaped(tensor.name, limit: 96)) is, and both are the trained module; "
            + "remove the wrong one", tensor: plain.name)
      }
    }
    reading.parts.append(
      AdapterPart(module: entry.module, leaf: leaf, shape: tensor.shape, change: .replaced(values)))
  }

  /// The weight of the layer beside its factors: PEFT loads it into the base.
  private static func addOwnWeight(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ reading: inout AdapterReading
  ) throws(Fault) {
    guard let tensor = entry["base_layer.weight"] else { return }
    reading.parts.append(
      AdapterPart(
        module: entry.module, leaf: "weight", shape: tensor.shape,
        change: .replaced(try source.values(of: tensor))))
  }

  private static let headNames = ["classifier", "score"]

  /// Modules and tokens that the configuration names must be in the file: what is missing there was not saved.
  ///
  /// Of several saved modules some may be no modules of the model, which is for the base to say: PEFT adds both names of a head
  /// for classes to every classifier's (`PeftModelForSequenceClassification`), so that of these one is always missing.
  static func checkNamed(
    _ entries: [FactorTable.Entry], _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    func contains(_ name: String, _ part: (String) -> Bool) -> Bool {
      entries.contains { entry in
        (name.isEmpty || entry.module == name || entry.module.hasSuffix("." + name)
          || entry.module.hasPrefix(name + ".") || entry.module.contains("." + name + "."))
          && entry.parts.keys.contains(where: part)
      }
    }
    let missing = configuration.savedModules.filter { !contains($0, isWhole) }
    if let first = missing.first, missing.count == configuration.savedModules.count {
      throw Fault(
        .badData, "AD-PAIR",
        "modules_to_save names \(Fault.escaped(first, limit: 64)), of which the file has no tensor")
    }
    for name in missing where !headNames.contains(name) {
      reading.warnings.append(
        Warning(
          "AD-PAIR", "modules_to_save names a module that the file does not hold", subject: name))
    }
    reading.missingModules = missing
    func hasRows(_ name: String) -> Bool { contains(name) { $0 == "trainable_tokens_delta" } }
    for (name, indices) in configuration.tokenIndices where !hasRows(name) {
      // PEFT saves rows of tied modules once.
      if configuration.tokenIndices.contains(where: { hasRows($0.module) && $0.indices == indices })
      {
        reading.tiedTokens.append(name)
        continue
      }
      throw Fault(
        .badData, "AD-PAIR",
        "trainable_token_indices names \(name.isEmpty ? "tokens" : Fault.escaped(name, limit: 64)), "
          + "of which the file has no rows")
    }
  }

  // MARK: - Embeddings

  /// `ΔE = s·(B·A)ᵀ` `[tokens, width]` with A `[r, tokens]` and B `[width, r]`.
  private static func readEmbedding(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let (first, second) = (
      try entry.required("lora_embedding_A"), try entry.required("lora_embedding_B")
    )
    try requireOnly(
      ["lora_embedding_A", "lora_embedding_B", "weight", "base_layer.weight"], entry)
    let (a, b) = try PEFTReader.pair(first, second, source, module: entry.module)
    try PEFTReader.checkRank(a.rows, entry.module, configuration)
    // PEFT saves the embedding itself beside its factors.
    try addWhole("weight", entry, source, &reading)
    try addOwnWeight(entry, source, &reading)
    try reading.add(
      entry.module, shape: [a.columns, b.rows], a: b.transposed, b: a.transposed,
      scaling: try configuration.scaling(of: entry.module))
  }

  /// Rows that replace the embedding's, in the order of `trainable_token_indices`.
  private static func readTokens(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let tensor = try entry.required("trainable_tokens_delta")
    try requireOnly(["trainable_tokens_delta"], entry)
    let named = configuration.tokenIndices.filter {
      $0.module.isEmpty || $0.module == entry.module || entry.module.hasSuffix("." + $0.module)
    }
    guard named.count == 1, let indices = named.first?.indices else {
      throw Fault(
        .badData, "AD-FIELD", "trainable_token_indices does not say which rows these are",
        tensor: tensor.name)
    }
    let rows = try source.matrix(tensor)
    guard rows.rows == indices.count else {
      throw Fault(
        .badData, "AD-SHAPE", "\(rows.rows) rows, \(indices.count) trainable_token_indices",
        tensor: tensor.name)
    }
    let order = indices.indices.sorted { indices[$0] < indices[$1] }
    reading.parts.append(
      AdapterPart(
        module: entry.module, leaf: "weight", shape: [(indices.max() ?? 0) + 1, rows.columns],
        change: .rows(order.map { indices[$0] }, rows.selectingRows(order).elements)))
  }

  // MARK: - Convolutions and experts

  /// `ΔW[o, i, …] = s · Σ B[o, r] · A[r, i, …]`.
  static func readConvolution(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let (first, second) = (try entry.required("lora_A"), try entry.required("lora_B"))
    try requireOnly(["lora_A", "lora_B", "base_layer.weight"], entry)
    guard configuration.initialisation == .unchanged, configuration.blocks == nil,
      configuration.qaLoRAGroup == nil, !configuration.usesMagnitudes, !configuration.isKaSA
    else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "a convolution beside settings of linear modules; merge the "
          + "adapter into the base", tensor: first.name)
    }
    let (a, b) = (try source.flattened(first), try source.flattened(second))
    guard second.shape.dropFirst(2).allSatisfy({ $0 == 1 }), a.rows == b.columns else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "shapes \(first.shape) and \(second.shape): a convolution in groups, which PEFT itself does not "
          + "merge", tensor: entry.module)
    }
    try PEFTReader.checkRank(a.rows, entry.module, configuration)
    try reading.add(
      entry.module, shape: [b.rows] + first.shape.dropFirst(), a: a, b: b,
      scaling: try configuration.scaling(of: entry.module))
  }

  /// Parameters of the module that `target_parameters` names, in its order, but for the weight of a linear module.
  ///
  /// PEFT compares an entry with the end of `MODULE.PARAMETER`. One that is a parameter's name alone is one of every module that
  /// has such a parameter, as modules of experts have; the file does not say of which others.
  static func parameters(of module: String, _ targets: [String]) -> [String] {
    var found: [String] = []
    for path in targets {
      let name = path.lastIndex(of: ".").map { String(path[path.index(after: $0)...]) } ?? path
      let isNamed =
        name == path
        ? PEFTTargets.isEnding("experts", of: module)
        : PEFTTargets.isEnding(path, of: "\(module).\(name)")
      if isNamed, name != weight, !found.contains(name) { found.append(name) }
    }
    return found
  }

  private static let weight = "weight"

  /// What patterns of rank and alpha are compared with: the module's path, or that of its weight where `target_parameters` names
  /// that.
  static func patternKey(of module: String, _ targets: [String]) -> String {
    isWeightTarget(module, targets) ? "\(module).\(weight)" : module
  }

  /// Whether `target_parameters` names the weight of a linear module.
  static func isWeightTarget(_ module: String, _ targets: [String]) -> Bool {
    targets.contains { PEFTTargets.isEnding($0, of: "\(module).\(weight)") }
  }

  /// The order in which Transformers' modules of experts declare their parameters.
  private static let declared = ["gate_up_proj", "down_proj"]

  /// Fused experts: A `[E·r, in]` is expert-major, B `[out, r·E]` expert-minor.
  ///
  /// PEFT wraps the parameters of a module in the order of their declaration, the first one deepest; the configuration
  /// lists them in any order, so names alone decide.
  private static func readExperts(
    _ entry: FactorTable.Entry, _ source: any TensorSource, _ configuration: PEFTConfiguration,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    let named = parameters(of: entry.module, configuration.targetParameters)
    let parameters = named.count > 1 ? declared.filter(named.contains) : named
    guard parameters.count == named.count else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "the file does not say which factors are whose of \(Fault.escaped(named.joined(separator: ", "), limit: 96))"
          + "; merge the adapter into the base", tensor: entry.module)
    }
    guard entry.parts.count == 2 * parameters.count else {
      throw Fault(
        .badData, "AD-PAIR",
        "\(entry.parts.count) factors for \(parameters.count) target_parameters of this module",
        tensor: entry.module)
    }
    for (index, parameter) in parameters.enumerated() {
      let depth = parameters.count - 1 - index
      let first = try entry.required(PEFTKey.Part.a(isBare: false, depth: depth).name)
      let second = try entry.required(PEFTKey.Part.b(isBare: false, depth: depth).name)
      let (a, b) = try PEFTReader.pair(first, second, source, module: entry.module)
      let key = "\(entry.module).\(parameter)"
      let rank = try configuration.rank(of: key)
      guard a.rows.isMultiple(of: rank), a.rows > 0 else {
        throw Fault(
          .badData, "AD-RANK", "\(a.rows) rows are not whole experts of rank \(rank)",
          tensor: first.name)
      }
      let experts = a.rows / rank
      for expert in 0..<experts {
        try reading.add(
          entry.module, leaf: parameter, shape: [b.rows, a.columns], slice: expert,
          a: a.selectingRows(Array(expert * rank..<(expert + 1) * rank)),
          b: b.selectingColumns((0..<rank).map { $0 * experts + expert }),
          scaling: try configuration.scaling(of: key))
      }
    }
  }

  private static func requireOnly(
    _ known: [String], _ entry: FactorTable.Entry
  ) throws(Fault) {
    if let other = entry.parts.first(where: { !known.contains($0.key) }) {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "\(other.key) of what is no linear module; merge the adapter into the base",
        tensor: other.value.name)
    }
  }
}
