public import Checkpoints
public import Faults
import Files
import Tensors

/// Writes updates as a GGUF adapter that llama.cpp loads (`formats/gguf-lora.md`).
public enum GGUFLoRAWriter {
  /// Writes `path` atomically.
  ///
  /// llama.cpp multiplies the product of each pair by alpha / rank, with one alpha for the file. alpha is the
  /// most common s · rank; where a module's own differs, `B` is multiplied by s · rank / alpha before it is
  /// rounded to the stored type.
  ///
  /// - Parameters:
  ///   - updates: In any order; names must differ. Factors in Hugging Face row order.
  ///   - configuration: The base's, whose heads decide the row order of queries and keys.
  ///   - type: How factors are stored, F32, F16 or BF16.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a factor does not fit `type`;
  ///   69 `AD-EXPORT` for a module that the llama family lacks; 70 `AD-WRITE` for no updates.
  public static func write(
    _ updates: [LowRankUpdate], to path: String, configuration: DecoderConfiguration,
    name: String? = nil, type: GGUFFloatType = .f32
  ) throws(Fault) {
    let updates = try UpdateOrder.sorted(updates)
    var modules: [String: LinearModule] = [:]
    for module in configuration.linearModules { modules[module.name] = module }
    let alpha = Float(UpdateOrder.mostCommon(updates.map { $0.scaling * Double($0.rank) }))
    // llama.cpp takes an alpha of 0 for a scale of 1.
    guard alpha != 0, alpha.isFinite else {
      throw Fault(.badData, "VAL-RANGE", "alpha is \(alpha)", path: path)
    }
    var writer = GGUFWriter()
    writer.set("general.type", .string("adapter"))
    writer.set("general.architecture", .string(configuration.architecture))
    if let name { writer.set("general.name", .string(name)) }
    writer.set("adapter.type", .string("lora"))
    writer.set("adapter.lora.alpha", .f32(alpha))
    for update in updates {
      guard let module = modules[update.moduleName], let weightName = module.ggufWeightName,
        module.outFeatures == update.outFeatures, module.inFeatures == update.inFeatures
      else {
        throw Fault(
          .unsupported, "AD-EXPORT", "the base has no such linear module of that size",
          path: path, tensor: update.moduleName)
      }
      let shapes = (a: [update.rank, update.inFeatures], b: [update.outFeatures, update.rank])
      try writer.add("\(weightName).lora_a", type: type, shape: shapes.a) { update.loraA.elements }
      let order = module.ggufRowOrder(in: configuration)
      try writer.add("\(weightName).lora_b", type: type, shape: shapes.b) {
        let factor = update.scaling * Double(update.rank) / Double(alpha)
        let values = update.loraB.elements.map { Float(Double($0) * factor) }
        return order?.ggufOrder(of: values, columns: update.rank) ?? values
      }
    }
    try writer.write(to: path)
  }
}
