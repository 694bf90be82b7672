import Checkpoints
import Faults
import JSON
import Tensors

/// Reads PEFT's TinyLoRA: `ΔW = B · (Σᵢ vᵢ Pᵢ) · A` (`formats/adapters.md` §8.4).
enum TinyLoRAReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    guard let value = files.configuration else {
      throw Fault(
        .missingInput, "IO-OPEN", "is missing: the sharing of v is unknown without it",
        path: files.configurationPath)
    }
    var reading = AdapterReading()
    let (tying, targets): (Double, PEFTTargets)
    do throws(Fault) {
      let root = JSONField(value, code: "AD-FIELD")
      tying = try weightTying(root, &reading.warnings)
      targets = try PEFTTargets(root)
      reading.warnings += targets.warnings
    } catch {
      throw error.at(path: files.configurationPath)
    }
    reading.baseModelName = value["base_model_name_or_path"]?.stringValue
    var table = FactorTable()
    var vectors: [Int: TensorInfo] = [:]
    for tensor in files.source.tensors {
      switch try part(of: tensor.name) {
      case .vector(let group):
        if vectors.updateValue(tensor, forKey: group) != nil {
          throw Fault(.badData, "AD-DUP", "is given twice", tensor: tensor.name)
        }
      case .factor(let module, let part): try table.add(tensor, module: module, part: part)
      }
    }
    let entries = try PEFTReader.targeted(try table.ordered(), targets, &reading)
    let groups = try groups(of: entries, tying: tying)
    guard Set(groups) == Set(vectors.keys) else {
      throw Fault(
        .badData, "AD-PAIR",
        "\(vectors.count) vectors tinylora_v, \(Set(groups).count) groups by weight_tying \(tying)")
    }
    for (entry, group) in zip(entries, groups) {
      guard entry["tinylora_P"] != nil else {
        throw Fault(
          .unsupported, "AD-TENSOR",
          "tinylora_P is missing: its random numbers cannot be drawn again here; save with "
            + "save_projection", tensor: entry.module)
      }
      let (a, b) = try PEFTReader.pair(
        try entry.required("tinylora_A"), try entry.required("tinylora_B"), files.source,
        module: entry.module)
      guard let vector = vectors[group] else { continue }
      let latent = try latent(
        vector, try entry.required("tinylora_P"), rank: a.rows, files.source)
      try reading.add(entry.module, a: a, b: b.exactProduct(latent), scaling: 1)
    }
    return reading
  }

  /// `Σᵢ vᵢ Pᵢ`, `[rank, rank]`, from v `[u]` and P `[u, rank, rank]`.
  private static func latent(
    _ vector: TensorInfo, _ projection: TensorInfo, rank: Int, _ source: any TensorSource
  ) throws(Fault) -> Matrix<Float> {
    guard vector.shape.count == 1, vector.shape[0] > 0,
      projection.shape == [vector.shape[0], rank, rank]
    else {
      throw Fault(
        .badData, "AD-SHAPE",
        "shape \(projection.shape) for rank \(rank) and a vector of \(vector.shape)",
        tensor: projection.name)
    }
    let v = try source.values(of: vector)
    let p = try source.values(of: projection)
    let size = rank * rank
    var sums = [Double](repeating: 0, count: size)
    for (index, weight) in v.enumerated() {
      for place in 0..<size { sums[place] += Double(weight) * Double(p[index * size + place]) }
    }
    return Matrix(rows: rank, columns: rank, elements: sums.map { Float($0) })
  }

  /// The group of each module: modules in model order, as many a group as `weight_tying` says.
  private static func groups(
    of entries: [FactorTable.Entry], tying: Double
  ) throws(Fault) -> [Int] {
    let wanted = (Double(entries.count) * (1 - tying)).rounded(.toNearestOrEven)
    let count = max(1, Int(wanted))
    // Only for these kinds is the file's lack of an order made up by the model's own.
    let kinds = ModuleOrder.kinds
    if count > 1,
      let other = entries.first(where: { entry in
        !kinds.contains { entry.module.hasSuffix("." + $0) }
      })
    {
      throw Fault(
        .unsupported, "AD-TENSOR", "its place among the groups of tinylora_v is unknown",
        tensor: other.module)
    }
    let size = max(1, entries.count / count)
    return entries.indices.map { min($0 / size, count - 1) }
  }

  private enum Part {
    case factor(module: String, part: String)
    case vector(group: Int)
  }

  private static func part(of name: String) throws(Fault) -> Part {
    var parts = PEFTKey.path(name)
    if let place = parts.firstIndex(of: "tinylora_v"), let last = parts.last,
      ModuleOrder.isNumber(last), place < parts.count - 1, let group = Int(last)
    {
      return .vector(group: group)
    }
    if parts.last == "default" { parts.removeLast() }
    if let last = parts.last, parts.count > 1,
      ["tinylora_A", "tinylora_B", "tinylora_P"].contains(last)
    {
      return .factor(module: parts.dropLast().joined(separator: "."), part: last)
    }
    throw Fault(.unsupported, "AD-TENSOR", "is no TinyLoRA factor of a linear module", tensor: name)
  }

  /// Members that do not change the update.
  private static let inert: Set<String> = [
    "peft_type", "task_type", "peft_version", "inference_mode", "auto_mapping", "revision",
    "base_model_name_or_path", "target_modules", "exclude_modules", "layers_to_transform",
    "layers_pattern", "r", "u", "weight_tying", "projection_seed", "save_projection",
    "tinylora_dropout", "fan_in_fan_out", "init_weights", "init_v_bound",
  ]

  private static func weightTying(
    _ root: JSONField, _ warnings: inout [Warning]
  ) throws(Fault) -> Double {
    guard try root["peft_type"].string() == "TINYLORA" else {
      throw Fault(.unsupported, "AD-TYPE", "peft_type is not TINYLORA")
    }
    for member in try root.object().members where !inert.contains(member.key) {
      let isNeutral = member.key == "bias" && member.value.stringValue == "none"
      if !isNeutral { try PEFTConfiguration.requireInactive(member, &warnings) }
    }
    guard root["weight_tying"].isPresent else { return 0 }
    let tying = try root["weight_tying"].double()
    guard (0...1).contains(tying) else {
      throw root["weight_tying"].fault("\(tying) is not in 0...1")
    }
    return tying
  }
}
