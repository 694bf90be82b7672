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
  ///   - updates: In any order; names must differ. Factors in Hugging Face row order. Those of embeddings and head
  ///     are `[tokens, width]` like others' `[outFeatures, inFeatures]`.
  ///   - configuration: The base's, whose heads decide the row order of queries and keys.
  ///   - hasHead: Whether the base's file has an output head of its own.
  ///   - baseModelName: The base for people and for readers that look it up.
  ///   - type: How factors are stored, F32, F16 or BF16.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a factor does not fit `type`;
  ///   69 `AD-EXPORT` for a module that the base or llama.cpp lacks; 70 `AD-WRITE` for no updates.
  public static func write(
    _ updates: [LowRankUpdate], to path: String, configuration: DecoderConfiguration,
    hasHead: Bool = true, name: String? = nil, baseModelName: String? = nil,
    type: GGUFFloatType = .f32
  ) throws(Fault) {
    let updates = try UpdateOrder.sorted(updates)
    let alpha = Float(UpdateOrder.mostCommon(updates.map { $0.scaling * Double($0.rank) }))
    // llama.cpp takes an alpha of 0 for a scale of 1.
    guard alpha != 0, alpha.isFinite else {
      throw Fault(.badData, "VAL-RANGE", "alpha is \(alpha)", path: path)
    }
    var writer = GGUFWriter()
    writer.set("general.type", .string("adapter"))
    writer.set("general.architecture", .string(configuration.ggufArchitecture))
    if let name { writer.set("general.name", .string(name)) }
    if let baseModelName {
      writer.set("general.base_model.count", .u32(1))
      writer.set("general.base_model.0.name", .string(baseModelName))
    }
    writer.set("adapter.type", .string("lora"))
    writer.set("adapter.lora.alpha", .f32(alpha))
    let places = places(configuration)
    let experts = Set(
      configuration.linearModules.filter { $0.ggufWeightName == nil }.map(\.name))
    for update in updates {
      if experts.contains(update.moduleName) {
        throw Fault(
          .unsupported, "AD-EXPORT",
          "llama.cpp has the factors of all experts in one tensor, which is not written; export to peft or "
            + "merged-gguf", path: path, tensor: update.moduleName)
      }
      guard let place = places[update.moduleName],
        place.shape == [update.outFeatures, update.inFeatures]
      else {
        throw Fault(
          .unsupported, "AD-EXPORT", "the base has no such linear module of that size",
          path: path, tensor: update.moduleName)
      }
      guard hasHead || place.isInBlock else {
        throw Fault(
          .unsupported, "AD-EXPORT",
          "the base's head is its embeddings, of which llama.cpp cannot adapt one without the other; "
            + "--to merged-gguf or merged writes both", path: path, tensor: update.moduleName)
      }
      try add(update.scaled(toAlpha: Double(alpha)), place, to: &writer, type)
    }
    try writer.write(to: path)
  }

  /// Where a module's factors go.
  private struct Place {
    let weightName: String
    let shape: [Int]
    let order: HeadPermutation?
    let isInBlock: Bool
    var isEmbedding = false
  }

  private static func places(_ configuration: DecoderConfiguration) -> [String: Place] {
    var places: [String: Place] = [:]
    for module in configuration.linearModules {
      guard let name = module.ggufWeightName else { continue }
      places[module.name] = Place(
        weightName: name, shape: [module.outFeatures, module.inFeatures],
        order: module.ggufRowOrder(in: configuration), isInBlock: true)
    }
    for weight in [configuration.embeddingName, configuration.headName] {
      guard let name = configuration.names.gguf(huggingFace: weight) else { continue }
      places[String(weight.dropLast(".weight".count))] = Place(
        weightName: name, shape: [configuration.vocabularySize, configuration.hiddenSize],
        order: nil, isInBlock: false, isEmbedding: weight == configuration.embeddingName)
    }
    return places
  }

  private static func add(
    _ update: LowRankUpdate, _ place: Place, to writer: inout GGUFWriter, _ type: GGUFFloatType
  ) throws(Fault) {
    let (a, b) = ("\(place.weightName).lora_a", "\(place.weightName).lora_b")
    if place.isEmbedding {
      // llama.cpp looks up rows of the first factor: the two are turned (`formats/gguf-lora.md` §2.5).
      try writer.add(a, type: type, shape: [update.outFeatures, update.rank]) {
        update.loraB.elements
      }
      try writer.add(b, type: type, shape: [update.inFeatures, update.rank]) {
        update.loraA.transposed.elements
      }
      return
    }
    try writer.add(a, type: type, shape: [update.rank, update.inFeatures]) { update.loraA.elements }
    try writer.add(b, type: type, shape: [update.outFeatures, update.rank]) {
      let values = update.loraB.elements
      return place.order?.ggufOrder(of: values, columns: update.rank) ?? values
    }
  }
}
