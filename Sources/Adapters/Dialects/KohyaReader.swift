import Checkpoints
import Faults
import JSON
import Tensors

/// Reads adapters of sd-scripts and LyCORIS: LoRA, LoCon, LoHa, LoKr and whole differences
/// (`formats/adapters.md` §5).
enum KohyaReader {
  static func read(_ files: AdapterFiles) throws(Fault) -> AdapterReading {
    var reading = AdapterReading()
    reading.naming = .underscored
    reading.baseModelName = files.source.metadata["ss_base_model_version"]?.stringValue
    var table = FactorTable()
    for tensor in files.source.tensors {
      let (module, part) = try split(tensor.name)
      try table.add(tensor, module: module, part: part)
    }
    let entries = try table.ordered()
    try ExpansionBudget(memory: files.memory).admit(entries.compactMap(NetworkParts.expansion(of:)))
    var withoutAlpha = 0
    for entry in entries {
      var parts = NetworkParts(entry: entry, source: files.source)
      try addDifferences(entry, &parts, files.source, &reading)
      guard entry.parts.keys.contains(where: { differences[$0] == nil }) else { continue }
      let factors = try parts.factors()
      var scaling = 1.0
      let alpha = try parts.scalar("alpha")
      if let alpha, alpha != 0, let rank = factors.rank { scaling = alpha / Double(rank) }
      if alpha == nil { withoutAlpha += 1 }
      if let scalar = try parts.scalar("scalar") { scaling *= scalar }
      guard abs(scaling) <= 1e9 else {
        throw Fault(
          .badData, "AD-ALPHA", "scaling is \(scaling), expected within +-1e9",
          tensor: entry.module)
      }
      try parts.checkAllUsed()
      let module = dotless(entry.module)
      if let kernel = parts.kernelShape {
        // The factors hold that many values, so nothing overflows.
        let size = kernel.reduce(1, *)
        try reading.add(
          module, shape: [factors.b.rows, factors.a.columns / size] + kernel, a: factors.a,
          b: factors.b, scaling: scaling)
      } else {
        try reading.add(module, a: factors.a, b: factors.b, scaling: scaling)
      }
    }
    if withoutAlpha > 0 {
      reading.warnings.append(
        Warning("AD-ALPHA", "\(withoutAlpha) modules have no alpha: their scale is 1"))
    }
    return reading
  }

  /// Leaves that are whole differences, and the parameters that they are added to.
  private static let differences = [
    "diff": "weight", "diff_b": "bias", "w_norm": "weight", "b_norm": "bias",
  ]

  private static func addDifferences(
    _ entry: FactorTable.Entry, _ parts: inout NetworkParts, _ source: any TensorSource,
    _ reading: inout AdapterReading
  ) throws(Fault) {
    for (leaf, parameter) in differences.sorted(by: { $0.key < $1.key }) {
      guard let tensor = entry[leaf] else { continue }
      parts.use(leaf)
      reading.parts.append(
        AdapterPart(
          module: dotless(entry.module), leaf: parameter, shape: tensor.shape,
          change: .added(try source.values(of: tensor))))
    }
  }

  private static let prefixes = [
    "lora_unet_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_te_", "lycoris_",
  ]

  /// The module's name without the network's prefix and with underscores for dots.
  private static func dotless(_ module: String) -> String {
    let prefix = prefixes.first { module.hasPrefix($0) && module.utf8.count > $0.utf8.count }
    return String(module.dropFirst(prefix?.count ?? 0)).replacing(".", with: "_")
  }

  /// What is trained otherwise, and what its owner can do.
  private static let refusals: [String: String] = [
    "hada_t1": "a Tucker core of a convolution",
    "hada_t2": "a Tucker core of a convolution", "lokr_t2": "a Tucker core of a convolution",
    "dora_scale": "a weight decomposition (DoRA), which versions of LyCORIS normalise differently",
    "oft_blocks": "an orthogonal adapter (OFT)", "oft_diag": "an orthogonal adapter (OFT)",
    "on_input": "an (IA)^3 adapter",
  ]

  private static func split(_ name: String) throws(Fault) -> (module: String, part: String) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let isMatrix = parts.last == "weight"
    if isMatrix { parts.removeLast() }
    guard parts.count > 1, let leaf = parts.popLast() else {
      throw Fault(.unsupported, "AD-TENSOR", "is no LyCORIS factor", tensor: name)
    }
    if let what = refusals[leaf] {
      throw Fault(
        .unsupported, "AD-TENSOR",
        "is \(what), not an update of a linear module; merge the network into the base",
        tensor: name)
    }
    let isLoRA = ["lora_down", "lora_up", "lora_mid"].contains(leaf)
    let isKnown =
      leaf == "alpha" || leaf == "scalar" || differences[leaf] != nil
      || NetworkParts.products.contains(leaf)
    guard isLoRA ? isMatrix : !isMatrix && isKnown else {
      throw Fault(.unsupported, "AD-TENSOR", "is no LyCORIS factor", tensor: name)
    }
    return (parts.joined(separator: "."), leaf)
  }
}
