import Checkpoints
import Faults
import JSON
import Tensors

/// Reads MLX-LM adapters, LoRA and DoRA: `ΔW = scale · (lora_a · lora_b)ᵀ` (`formats/adapters.md` §4).
enum MLXReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    guard let value = files.configuration else {
      throw Fault(
        .missingInput, "IO-OPEN", "is missing: the scale is unknown without it",
        path: files.configurationPath)
    }
    var reading = AdapterReading()
    let settings: Settings
    do throws(Fault) {
      settings = try read(JSONField(value, code: "AD-FIELD"), &reading)
    } catch {
      throw error.at(path: files.configurationPath)
    }
    var table = FactorTable()
    for tensor in files.source.tensors {
      let (module, part) = try split(tensor.name)
      try table.add(tensor, module: module, part: part)
    }
    for entry in try table.ordered() {
      let tensors = (try entry.required("lora_a"), try entry.required("lora_b"))
      if let stack = [tensors.0, tensors.1].first(where: { $0.shape.count == 3 }) {
        throw Fault(
          .unsupported, "AD-TENSOR",
          "is a stack of experts' factors \(stack.shape); fuse the adapter into the base",
          tensor: stack.name)
      }
      let a = try files.source.matrix(tensors.0)
      let b = try files.source.matrix(tensors.1)
      guard a.columns == b.rows else {
        throw Fault(
          .badData, "AD-SHAPE",
          "lora_a is [\(a.rows), \(a.columns)], lora_b is [\(b.rows), \(b.columns)]: ranks differ",
          tensor: entry.module)
      }
      if let rank = settings.rank, rank != a.columns {
        throw Fault(
          .badData, "AD-RANK", "rank \(a.columns) in the tensors, \(rank) in the configuration",
          tensor: entry.module)
      }
      try add(entry, a: a, b: b, settings, files.source, &reading)
    }
    return reading
  }

  private struct Settings {
    var rank: Int?
    var scale: Double
    var hasMagnitudes: Bool
  }

  private static func add(
    _ entry: FactorTable.Entry, a: Matrix<Float>, b: Matrix<Float>, _ settings: Settings,
    _ source: any TensorSource, _ reading: inout AdapterReading
  ) throws(Fault) {
    guard settings.hasMagnitudes == (entry["m"] != nil) else {
      throw Fault(
        .badData, "AD-PAIR",
        settings.hasMagnitudes
          ? "fine_tune_type is dora and m is missing"
          : "m is a DoRA magnitude, and fine_tune_type is not dora", tensor: entry.module)
    }
    // An embedding's rows are its inputs, so nothing is transposed.
    if entry.module.hasSuffix("embed_tokens") {
      guard !settings.hasMagnitudes else {
        throw Fault(
          .unsupported, "AD-TENSOR",
          "DoRA of an embedding; fuse the adapter into the base (mlx_lm.fuse)", tensor: entry.module
        )
      }
      // MLX-LM applies the embeddings' factors to a tied head too.
      reading.tiesHead = true
      try reading.add(
        entry.module, shape: [a.rows, b.columns], a: b, b: a, scaling: settings.scale)
      return
    }
    var relation = BaseRelation.none
    if let magnitudes = entry["m"] {
      relation = .magnitudes(try source.vector(magnitudes, count: b.columns))
    }
    try reading.add(
      entry.module, a: a.transposed, b: b.transposed, scaling: settings.scale, relation: relation)
  }

  private static func read(
    _ root: JSONField, _ reading: inout AdapterReading
  ) throws(Fault) -> Settings {
    guard !root["peft_type"].isPresent else {
      throw Fault(.badData, "AD-FORMAT", "peft_type is set, so this is a PEFT adapter")
    }
    var hasMagnitudes = false
    if root["fine_tune_type"].isPresent {
      let type = try root["fine_tune_type"].string()
      guard type == "lora" || type == "dora" else {
        throw Fault(
          .unsupported, "AD-FIELD",
          "fine_tune_type \(Fault.escaped(type, limit: 32)) is not supported, only lora and dora; "
            + "fuse the adapter into the base (mlx_lm.fuse)")
      }
      hasMagnitudes = type == "dora"
    }
    // The name of early versions.
    if root["use_dora"].isPresent, try root["use_dora"].bool() { hasMagnitudes = true }
    let parameters = root["lora_parameters"]
    // Without the scale ΔW is unknown: programs had different defaults.
    let scale = try parameters["scale"].double()
    guard scale.isFinite, abs(scale) <= 1e9 else {
      throw Fault(.badData, "AD-ALPHA", "lora_parameters.scale is \(scale), expected within ±1e9")
    }
    var rank: Int?
    if parameters["rank"].isPresent { rank = try parameters["rank"].int(in: 1...65_536) }
    if parameters["alpha"].isPresent {
      let alpha = try parameters["alpha"].double()
      // Early versions multiplied the scale by alpha/rank, later ones ignore alpha.
      guard let rank, alpha == Double(rank) else {
        throw Fault(
          .badData, "AD-ALPHA",
          "lora_parameters has alpha \(alpha) beside scale \(scale): old versions of MLX-LM "
            + "multiply scale by alpha/rank, new ones do not; set scale accordingly and remove alpha"
        )
      }
    }
    reading.baseModelName = root["model"].value?.stringValue
    return Settings(rank: rank, scale: scale, hasMagnitudes: hasMagnitudes)
  }

  private static func split(_ name: String) throws(Fault) -> (module: String, part: String) {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else {
      throw Fault(.unsupported, "AD-TENSOR", "is no MLX factor", tensor: name)
    }
    let module = String(name[..<dot])
    switch name[name.utf8.index(after: dot)...] {
    case "lora_a": return (module, "lora_a")
    case "lora_b": return (module, "lora_b")
    case "m": return (module, "m")
    default:
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is a trained tensor of the model, which no low-rank update can carry; fuse the adapter "
          + "into the base (mlx_lm.fuse)", tensor: name)
    }
  }
}
