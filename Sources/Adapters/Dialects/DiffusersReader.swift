import Checkpoints
import Faults
import JSON
import Tensors

/// Reads the LoRA of one component of a diffusers pipeline (`formats/adapters.md` §6).
enum DiffusersReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    var reading = AdapterReading()
    var table = FactorTable()
    var components: Set<String> = []
    for tensor in files.source.tensors {
      let key = try split(tensor.name)
      components.insert(key.component)
      try table.add(tensor, module: key.module, part: key.part)
    }
    let entries = try table.ordered()
    let sorted = components.sorted()
    guard sorted.count == 1, let component = sorted.first else {
      throw Fault(
        .unsupported, "AD-FORMAT",
        "holds updates of several models (\(Fault.escaped(sorted.joined(separator: ", "), limit: 96)))"
          + "; save one component's")
    }
    let configuration = try configuration(files.source.metadata, component: component)
    for entry in entries {
      let (a, b) = try PEFTReader.pair(
        try entry.required("lora_A"), try entry.required("lora_B"), files.source,
        module: entry.module)
      if let rank = try configuration?.rank(of: entry.module), rank != a.rows {
        throw Fault(
          .badData, "AD-RANK", "rank \(a.rows) in the tensors, \(rank) in the metadata",
          tensor: entry.module)
      }
      var scaling = try configuration?.scaling(of: entry.module) ?? 1
      if let tensor = entry["alpha"] {
        let own = try files.source.scalar(tensor) / Double(max(1, a.rows))
        guard abs(own) <= 1e9 else {
          throw Fault(.badData, "AD-ALPHA", "alpha is \(own * Double(a.rows))", tensor: tensor.name)
        }
        if configuration != nil, own != scaling {
          throw Fault(
            .badData, "AD-ALPHA", "scaling \(own) by this tensor, \(scaling) by the metadata",
            tensor: tensor.name)
        }
        scaling = own
      }
      try reading.add(entry.module, a: a, b: b, scaling: scaling)
    }
    if configuration == nil, entries.allSatisfy({ $0["alpha"] == nil }) {
      reading.warnings.append(
        Warning("AD-ALPHA", "neither alpha nor metadata: the scale is 1, as diffusers takes it"))
    }
    return reading
  }

  /// The component's LoraConfig from `lora_adapter_metadata`, nil where the file has none.
  private static func configuration(
    _ metadata: JSONObject, component: String
  ) throws(Fault) -> PEFTConfiguration? {
    guard let text = metadata["lora_adapter_metadata"]?.stringValue else { return nil }
    let limits = JSONLimits(
      byteCount: 4 << 20, depth: 16, memberCount: 65_536, memoryByteCount: 64 << 20)
    let value: JSONValue
    do throws(Fault) {
      value = try JSONValue.parse(Array(text.utf8), limits: limits)
    } catch {
      throw Fault(error.kind, "AD-CONFIG", "lora_adapter_metadata: \(error.reason)")
    }
    var members = JSONObject([("peft_type", "LORA")])
    for member in value.objectValue?.members ?? [] where member.key.hasPrefix(component + ".") {
      members[String(member.key.dropFirst(component.count + 1))] = member.value
    }
    guard members.count > 1 else { return nil }
    let configuration = try PEFTConfiguration(.object(members))
    try configuration.requirePlain()
    return configuration
  }

  private static func split(
    _ name: String
  ) throws(Fault) -> (component: String, module: String, part: String) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let component = parts.removeFirst()
    var part: String?
    if parts.last == "alpha" {
      (part, parts) = ("alpha", Array(parts.dropLast()))
    } else if parts.count > 2, parts.last == "weight" {
      let leaf = parts[parts.count - 2]
      let above = parts[parts.count - 3]
      switch leaf {
      case "lora_A", "lora_B": (part, parts) = (leaf, Array(parts.dropLast(2)))
      case "down" where above == "lora": (part, parts) = ("lora_A", Array(parts.dropLast(3)))
      case "up" where above == "lora": (part, parts) = ("lora_B", Array(parts.dropLast(3)))
      default: break
      }
    }
    guard let part, !parts.isEmpty else {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is no linear LoRA factor of a llama-family component; save the component with PEFT",
        tensor: name)
    }
    return (component, parts.joined(separator: "."), part)
  }
}
