import Checkpoints
public import Faults
import Files
public import Tensors

/// Writes updates as one safetensors file with the names of kohya's sd-scripts (`formats/kohya.md`).
public enum KohyaWriter {
  /// What a module's name begins with; the module is one of a text encoder to these tools.
  public static let prefix = "lora_te_"

  /// Writes `path` atomically: `lora_down` = A, `lora_up` = B and `alpha` = s · rank of each module.
  ///
  /// - Parameters:
  ///   - updates: In any order; names must differ, also with underscores in place of dots.
  ///   - dtype: F32, F16 or BF16 for the factors; alpha is F32.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a factor does not fit `dtype`;
  ///   69 `AD-EXPORT` for two names that become one; 70 `AD-WRITE` for no updates.
  public static func write(
    _ updates: [LowRankUpdate], to path: String, baseModelName: String?, dtype: DType = .f32
  ) throws(Fault) {
    let updates = try UpdateOrder.sorted(updates)
    let ranks = Set(updates.map(\.rank))
    let alphas = Set(updates.map { $0.scaling * Double($0.rank) })
    var metadata = [
      (key: "ss_network_module", value: "networks.lora"),
      (key: "ss_network_dim", value: ranks.count == 1 ? "\(updates[0].rank)" : "Dynamic"),
      (
        key: "ss_network_alpha",
        value: alphas.count == 1 ? "\(updates[0].scaling * Double(updates[0].rank))" : "Dynamic"
      ),
    ]
    if let baseModelName { metadata.append((key: "ss_sd_model_name", value: baseModelName)) }
    var weights = SafeTensorsWriter(metadata: metadata)
    var names: [[UInt8]: String] = [:]
    for update in updates {
      let name = prefix + String(update.moduleName.map { $0 == "." ? "_" : $0 })
      if let other = names.updateValue(update.moduleName, forKey: Array(name.utf8)) {
        throw Fault(
          .unsupported, "AD-EXPORT", "has the same name as \(other) once dots are underscores",
          path: path, tensor: update.moduleName)
      }
      // These tools take an alpha of 0 for a scale of 1.
      let alpha = update.scaling * Double(update.rank)
      guard alpha != 0 else {
        throw Fault(
          .unsupported, "AD-EXPORT", "a scaling of 0 cannot be written", path: path,
          tensor: update.moduleName)
      }
      try weights.add("\(name).lora_down.weight", dtype: dtype, matrix: update.loraA)
      try weights.add("\(name).lora_up.weight", dtype: dtype, matrix: update.loraB)
      try weights.add("\(name).alpha", dtype: .f32, shape: [], floats: [Float(alpha)])
    }
    try weights.write(to: path)
  }
}
