import Checkpoints
import Faults
import JSON
import Tensors

/// Reads PEFT's VeRA: `ΔW = diag(λ_b) · B · diag(λ_d) · A` with one random A and one B for all modules
/// (`formats/adapters.md` §8.5; Kopiczko et al., "VeRA: Vector-based Random Matrix Adaptation", 2310.11454, §3.2).
enum VeRAReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    var reading = AdapterReading()
    var targets: PEFTTargets?
    if let value = files.configuration {
      do throws(Fault) {
        let root = JSONField(value, code: "AD-FIELD")
        try check(root, &reading.warnings)
        let found = try PEFTTargets(root)
        reading.warnings += found.warnings
        targets = found
      } catch {
        throw error.at(path: files.configurationPath)
      }
      reading.baseModelName = value["base_model_name_or_path"]?.stringValue
    }
    var table = FactorTable()
    var shared: [String: TensorInfo] = [:]
    for tensor in files.source.tensors {
      switch try part(of: tensor.name) {
      case .shared(let part):
        if shared.updateValue(tensor, forKey: part) != nil {
          throw Fault(.badData, "AD-DUP", "is given twice", tensor: tensor.name)
        }
      case .vector(let module, let part): try table.add(tensor, module: module, part: part)
      }
    }
    var entries = try table.ordered()
    if let targets { entries = try PEFTReader.targeted(entries, targets, &reading) }
    guard let first = shared["vera_A"], let second = shared["vera_B"] else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "vera_A and vera_B are missing: their random numbers cannot be drawn again here; save with "
          + "save_projection", tensor: entries.first?.module)
    }
    let (a, b) = (try matrix(first, files.source), try matrix(second, files.source))
    guard a.rows == b.columns else {
      throw Fault(
        .badData, "AD-SHAPE",
        "factors [\(b.rows), \(b.columns)] and [\(a.rows), \(a.columns)]: ranks differ",
        tensor: second.name)
    }
    try ExpansionBudget(memory: files.memory).admit(
      entries.map { entry in
        // A is one for all of them.
        Expansion(
          rank: a.rows, outFeatures: entry["vera_lambda_b"]?.shape.first ?? 0, inFeatures: 0)
      })
    for entry in entries {
      let scales = try vector(entry.required("vera_lambda_b"), atMost: b.rows, files.source)
      let inner = try vector(entry.required("vera_lambda_d"), atMost: a.rows, files.source)
      guard inner.count == a.rows else {
        throw Fault(
          .badData, "AD-SHAPE", "vera_lambda_d has \(inner.count) values for rank \(a.rows)",
          tensor: entry.module)
      }
      try reading.add(
        entry.module, a: a, b: scaled(b, rows: scales, columns: inner), scaling: 1,
        relation: .leadingColumns)
    }
    return reading
  }

  /// `diag(λ_b) · B · diag(λ_d)` of as many rows as λ_b has values; products in Float64.
  private static func scaled(
    _ b: Matrix<Float>, rows: [Float], columns: [Float]
  ) -> Matrix<Float> {
    var result = Matrix<Float>(rows: rows.count, columns: b.columns)
    for row in rows.indices {
      for column in columns.indices {
        let place = row * b.columns + column
        result.elements[place] = Float(
          Double(b.elements[place]) * Double(rows[row]) * Double(columns[column]))
      }
    }
    return result
  }

  private static func matrix(
    _ tensor: TensorInfo, _ source: any TensorSource
  ) throws(Fault) -> Matrix<Float> {
    guard tensor.shape.count == 2 else {
      throw Fault(.badData, "AD-SHAPE", "shape \(tensor.shape) is no matrix", tensor: tensor.name)
    }
    return Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], elements: try source.values(of: tensor))
  }

  private static func vector(
    _ tensor: TensorInfo, atMost count: Int, _ source: any TensorSource
  ) throws(Fault) -> [Float] {
    guard tensor.shape.count == 1, tensor.shape[0] > 0, tensor.shape[0] <= count else {
      throw Fault(
        .badData, "AD-SHAPE", "shape \(tensor.shape), expected one of up to \(count) values",
        tensor: tensor.name)
    }
    return try source.values(of: tensor)
  }

  private enum Part {
    case shared(String)
    case vector(module: String, part: String)
  }

  private static func part(of name: String) throws(Fault) -> Part {
    var parts = PEFTKey.path(name)
    if parts.last == "default" { parts.removeLast() }
    if parts == ["base_model", "vera_A"] || parts == ["base_model", "vera_B"], let last = parts.last
    {
      return .shared(last)
    }
    if let last = parts.last, parts.count > 1, ["vera_lambda_b", "vera_lambda_d"].contains(last) {
      return .vector(module: parts.dropLast().joined(separator: "."), part: last)
    }
    throw Fault(.unsupported, "AD-TENSOR", "is no VeRA vector of a linear module", tensor: name)
  }

  /// Members that do not change the update.
  private static let inert: Set<String> = [
    "peft_type", "task_type", "peft_version", "inference_mode", "auto_mapping", "revision",
    "base_model_name_or_path", "target_modules", "exclude_modules", "layers_to_transform",
    "layers_pattern", "r", "projection_prng_key", "save_projection", "vera_dropout", "d_initial",
    "fan_in_fan_out", "init_weights",
  ]

  private static func check(_ root: JSONField, _ warnings: inout [Warning]) throws(Fault) {
    guard try root["peft_type"].string() == "VERA" else {
      throw Fault(.unsupported, "AD-TYPE", "peft_type is not VERA")
    }
    for member in try root.object().members where !inert.contains(member.key) {
      let isNeutral = member.key == "bias" && member.value.stringValue == "none"
      if !isNeutral { try PEFTConfiguration.requireInactive(member, &warnings) }
    }
  }
}
