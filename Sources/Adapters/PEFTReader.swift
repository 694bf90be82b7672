import Checkpoints
import Faults
import Files
import JSON
import Tensors

/// Reads the PEFT dialect (`formats/peft.md`).
enum PEFTReader {
  static let configurationName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
  private static let configurationLimit = 4 << 20

  static func read(_ path: String) throws(Fault) -> Adapter {
    let (directory, weightsPath, name) = try locate(path)
    let file = try InputFile(weightsPath)
    let weights = try SafeTensorsFile(file: file)
    var warnings: [String] = []
    if Paths.kind(of: Paths.join(directory, "adapter_model.bin")) == .file {
      warnings.append("adapter_model.bin is present and not used")
    }
    do throws(Fault) {
      let (configuration, configurationDigest) = try readConfiguration(
        in: directory, weights: weights)
      warnings += configuration.warnings
      let updates = try readUpdates(weights, configuration, &warnings)
      let digest = try SHA256Digest.of(file)
      return Adapter(
        name: name, path: path, format: "peft", byteCount: file.byteCount, digest: digest,
        configurationDigest: configurationDigest, configuration: configuration, updates: updates,
        warnings: warnings)
    } catch {
      throw error.at(path: weightsPath)
    }
  }

  // MARK: - Files

  private static func locate(
    _ path: String
  ) throws(Fault) -> (directory: String, weights: String, name: String) {
    guard Paths.kind(of: path) == .directory else {
      let directory = Paths.parent(of: path)
      let name = Paths.name(of: path)
      let stem = name.hasSuffix(".safetensors") ? String(name.dropLast(12)) : name
      let generic = stem == "adapter_model" && directory != "."
      return (directory, path, generic ? Paths.name(of: directory) : stem)
    }
    let weights = Paths.join(path, weightsName)
    if Paths.kind(of: weights) == .missing {
      for (other, dialect) in [
        ("adapter_model.bin", "pickle; pickle is not loaded, save as safetensors"),
        ("adapters.safetensors", "an MLX adapter"),
      ] where Paths.kind(of: Paths.join(path, other)) == .file {
        throw Fault(
          .unsupported, "FILE-FORMAT", "is \(dialect)", path: Paths.join(path, other))
      }
    }
    return (path, weights, Paths.name(of: path))
  }

  private static func readConfiguration(
    in directory: String, weights: SafeTensorsFile
  ) throws(Fault) -> (PEFTConfiguration, SHA256Digest) {
    let path = Paths.join(directory, configurationName)
    if Paths.kind(of: path) == .missing {
      // Other dialects keep their settings elsewhere: the tensor names say more than "missing".
      for tensor in weights.tensors { _ = try PEFTKey(tensor.name) }
    }
    do throws(Fault) {
      let bytes = try InputFile(path).readAll(limit: configurationLimit)
      if let signature = FileSignature(bytes) { throw signature.refusal(path: path) }
      let limits = JSONLimits(byteCount: configurationLimit, depth: 16, memberCount: 65_536)
      return (
        try PEFTConfiguration(try JSONValue.parse(bytes, limits: limits)), SHA256Digest.of(bytes)
      )
    } catch {
      var fault = error.at(path: path)
      if fault.code.hasPrefix("JSON-") { fault.code = "AD-CONFIG" }
      throw fault
    }
  }

  // MARK: - Tensors

  private static func readUpdates(
    _ weights: SafeTensorsFile, _ configuration: PEFTConfiguration, _ warnings: inout [String]
  ) throws(Fault) -> [LowRankUpdate] {
    var pairs: [UTF8Key: (a: TensorInfo?, b: TensorInfo?)] = [:]
    for tensor in weights.tensors {
      let key = try PEFTKey(tensor.name)
      var pair = pairs[UTF8Key(key.moduleName)] ?? (nil, nil)
      let earlier: TensorInfo?
      switch key.factor {
      case .a: (earlier, pair.a) = (pair.a, tensor)
      case .b: (earlier, pair.b) = (pair.b, tensor)
      case .ignored:
        warnings.append("tensor \(Fault.escaped(tensor.name, limit: 96)) is ignored")
        continue
      }
      if let earlier {
        throw Fault(
          .badData, "AD-DUP",
          "is the same factor as \(Fault.escaped(earlier.name, limit: 96))", tensor: tensor.name)
      }
      pairs[UTF8Key(key.moduleName)] = pair
    }
    guard !pairs.isEmpty else { throw Fault(.badData, "AD-EMPTY", "no LoRA factors") }
    try checkTargets(pairs.keys.map(\.string).sorted(), configuration, &warnings)
    var ordered: [(order: ModuleOrder, module: UTF8Key)] = []
    for module in pairs.keys { ordered.append((try ModuleOrder(module.string), module)) }
    ordered.sort { $0.order < $1.order }
    var updates: [LowRankUpdate] = []
    updates.reserveCapacity(ordered.count)
    for (_, module) in ordered {
      guard let a = pairs[module]?.a else { throw unpaired(module, "lora_A") }
      guard let b = pairs[module]?.b else { throw unpaired(module, "lora_B") }
      let update = try read(module.string, a, b, weights, configuration)
      if update.loraB.elements.allSatisfy({ $0 == 0 })
        || update.loraA.elements.allSatisfy({ $0 == 0 })
      {
        warnings.append("\(Fault.escaped(module.string, limit: 96)): the update is zero")
      }
      updates.append(update)
    }
    return updates
  }

  private static func unpaired(_ module: UTF8Key, _ missing: String) -> Fault {
    Fault(.badData, "AD-PAIR", "\(missing) is missing", tensor: module.string)
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

  private static func read(
    _ module: String, _ a: TensorInfo, _ b: TensorInfo, _ weights: SafeTensorsFile,
    _ configuration: PEFTConfiguration
  ) throws(Fault) -> LowRankUpdate {
    for tensor in [a, b] where tensor.shape.count != 2 {
      let isConvolution = tensor.shape.count == 4
      throw Fault(
        isConvolution ? .unsupported : .badData, "AD-SHAPE",
        "shape \(tensor.shape) \(isConvolution ? "is a convolution" : "is not a matrix")",
        tensor: tensor.name)
    }
    guard a.shape[0] == b.shape[1] else {
      throw Fault(
        .badData, "AD-SHAPE", "lora_A is \(a.shape), lora_B is \(b.shape): ranks differ",
        tensor: module)
    }
    let rank = a.shape[0]
    let expected = configuration.rank(of: module)
    guard rank == expected else {
      throw Fault(
        .badData, "AD-RANK", "rank \(rank) in the tensors, \(expected) in the configuration",
        tensor: module)
    }
    guard rank >= 1, rank <= min(a.shape[1], b.shape[0]) else {
      throw Fault(
        .badData, "AD-RANK", "rank \(rank) for a weight of [\(b.shape[0]), \(a.shape[1])]",
        tensor: module)
    }
    let update = LowRankUpdate(
      moduleName: module, loraA: try weights.matrix(of: a), loraB: try weights.matrix(of: b),
      scaling: configuration.scaling(of: module))
    // |entry of ΔW| ≤ s·‖B‖·‖A‖, so below the bound nothing can overflow Float32.
    let bound = abs(update.scaling) * update.squaredNormBound.squareRoot()
    guard bound < Double(Float.greatestFiniteMagnitude) else {
      throw Fault(.badData, "VAL-RANGE", "overflow in B*A: norm up to \(bound)", tensor: module)
    }
    return update
  }
}
