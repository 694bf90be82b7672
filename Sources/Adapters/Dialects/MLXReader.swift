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
    let entries = try table.ordered()
    for entry in entries {
      guard settings.covers(entry.module) else {
        reading.warnings.append(
          Warning(
            "AD-TARGET", "is none of lora_parameters.keys, so its factors are not applied",
            subject: entry.module))
        reading.unusedCount &+= entry.elementCount
        continue
      }
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
    guard !reading.updates.isEmpty || !reading.parts.isEmpty else {
      throw Fault(
        .badData, "AD-TARGET", "lora_parameters.keys names none of the modules",
        tensor: entries.first?.module)
    }
    return reading
  }

  private struct Settings {
    var rank: Int?
    var scale: Double
    var hasMagnitudes: Bool
    /// `lora_parameters.keys`: paths in a block or in the model; nil for all.
    var keys: Set<String>?

    /// Whether MLX-LM gives a module an adapter, and so whether it loads its factors.
    func covers(_ module: String) -> Bool {
      guard let keys else { return true }
      let parts = module.split(separator: ".", omittingEmptySubsequences: false)
      let layer = parts.firstIndex(of: "layers").map { min($0 + 2, parts.count) }
      return keys.contains(module)
        || layer.map { keys.contains(parts[$0...].joined(separator: ".")) } == true
    }
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
      throw Fault(.badData, "AD-ALPHA", "lora_parameters.scale is \(scale), expected within +-1e9")
    }
    var rank: Int?
    if parameters["rank"].isPresent { rank = try parameters["rank"].int(in: 1...65_536) }
    if parameters["alpha"].isPresent {
      let alpha = try parameters["alpha"].double()
      // Early versions multiplied the scale by alpha/rank, later ones ignore alpha. They write other members.
      let isLater = ["num_layers", "fine_tune_type", "grad_accumulation_steps"].contains {
        root[$0].isPresent
      }
      let isEarly = root["lora_layers"].isPresent
      guard isLater && !isEarly || rank.map({ alpha == Double($0) }) == true else {
        throw Fault(
          .badData, "AD-ALPHA",
          "lora_parameters has alpha \(alpha) beside scale \(scale): old versions of MLX-LM "
            + "multiply scale by alpha/rank, new ones do not; set scale accordingly and remove alpha"
        )
      }
    }
    let keys = parameters["keys"].isPresent ? Set(try parameters["keys"].strings()) : nil
    reading.baseModelName = root["model"].value?.stringValue
    return Settings(rank: rank, scale: scale, hasMagnitudes: hasMagnitudes, keys: keys)
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
