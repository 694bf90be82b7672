import Checkpoints
import Faults
import JSON

/// Reads PEFT's LoHa and LoKr of linear modules (`formats/peft.md` §4.6).
enum PEFTNetworkReader {
  /// The members of a configuration of one of the two; nil for another.
  static func members(_ configuration: JSONValue?) -> JSONObject? {
    let object = configuration?.objectValue
    return ["LOHA", "LOKR"].contains(object?["peft_type"]?.stringValue ?? "") ? object : nil
  }

  /// - Parameter members: The configuration of `files`, of ``members(_:)``.
  static func read(_ files: AdapterFiles, _ members: JSONObject) throws(Fault) -> AdapterReading {
    let (configuration, prefix, notes) = try configuration(members, files.configurationPath)
    var reading = AdapterReading(
      warnings: configuration.warnings + notes, baseModelName: configuration.baseModelName)
    var table = FactorTable()
    for tensor in files.source.tensors {
      var parts = PEFTKey.path(tensor.name)
      // The adapter's name may be left in.
      if parts.last == "default" { parts.removeLast() }
      guard parts.count > 1, let leaf = parts.popLast(), leaf.hasPrefix(prefix),
        NetworkParts.products.contains(leaf)
      else {
        throw Fault(
          .unsupported, "AD-TENSOR",
          "is no factor of a linear module; merge the adapter into the base", tensor: tensor.name)
      }
      try table.add(tensor, module: parts.joined(separator: "."), part: leaf)
    }
    let isUnscaled = prefix == "lokr_" && configuration.isBeforeExclusion
    let entries = try PEFTReader.targeted(try table.ordered(), configuration.targets, &reading)
    try ExpansionBudget(memory: files.memory).admit(entries.compactMap(NetworkParts.expansion(of:)))
    for entry in entries {
      var parts = NetworkParts(entry: entry, source: files.source)
      let factors = try parts.factors()
      try parts.checkAllUsed()
      let expected = try configuration.rank(of: entry.module)
      if let rank = factors.rank, rank != expected {
        throw Fault(
          .badData, "AD-RANK", "rank \(rank) in the tensors, \(expected) in the configuration",
          tensor: entry.module)
      }
      // Unlike LyCORIS, PEFT divides by the rank even where both sides of LoKr are whole; before 0.14 it did nowhere.
      var scaling = try configuration.scaling(of: entry.module)
      if isUnscaled, scaling != 1 {
        reading.warnings.append(
          Warning(
            "AD-ALPHA",
            "written before PEFT 0.14, whose LoKr has no scale: alpha is not used",
            subject: entry.module))
        scaling = 1
      }
      try reading.add(entry.module, a: factors.a, b: factors.b, scaling: scaling)
    }
    return reading
  }

  /// Members that LoRA's configuration has not; none changes the update of a linear module.
  private static let inert = [
    "rank_dropout", "module_dropout", "rank_dropout_scale", "use_effective_conv2d",
    "decompose_both", "decompose_factor", "init_weights",
  ]

  /// The configuration in LoRA's words, and the prefix of its factors.
  private static func configuration(
    _ members: JSONObject, _ path: String
  ) throws(Fault) -> (PEFTConfiguration, prefix: String, notes: [Warning]) {
    var members = members
    do throws(Fault) {
      let prefix = members["peft_type"]?.stringValue == "LOHA" ? "hada_" : "lokr_"
      for key in inert { members[key] = nil }
      // PEFT has no such field here: it says so and goes on.
      let wantsRoot = members["use_rslora"]?.boolValue == true
      members["use_rslora"] = nil
      members["peft_type"] = "LORA"
      members["lora_alpha"] = members["alpha"]
      members["alpha"] = nil
      let configuration = try PEFTConfiguration(.object(members))
      try configuration.requirePlain()
      let note = Warning(
        "AD-CONFIG", "the field has no meaning for LoHa and LoKr", subject: "use_rslora")
      return (configuration, prefix, wantsRoot ? [note] : [])
    } catch {
      throw error.at(path: path)
    }
  }
}
