import Checkpoints
public import Faults
import Files
import JSON
public import Tensors

/// Writes updates as an adapter folder of mlx-lm (`formats/mlx.md`).
public enum MLXWriter {
  /// Writes `adapters.safetensors` and `adapter_config.json` into `directory`, which is made when missing.
  ///
  /// mlx-lm has one rank and one scale: smaller pairs are padded with zeros, and where a module's own
  /// scaling differs from the most common one, `B` is multiplied by their ratio.
  ///
  /// - Parameters:
  ///   - updates: In any order; names must differ. One of the embeddings is `[tokens, width]`.
  ///   - layerCount: Blocks of the base.
  ///   - dtype: F32, F16 or BF16 for the factors.
  /// - Returns: The rank that all pairs have.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a factor does not fit `dtype`;
  ///   69 `AD-EXPORT` for a module that is neither in a block nor embeddings or head; 70 `AD-WRITE` for no updates.
  @discardableResult
  public static func write(
    _ updates: [LowRankUpdate], to directory: String, layerCount: Int, baseModelName: String?,
    dtype: DType = .f32
  ) throws(Fault) -> Int {
    let updates = try UpdateOrder.sorted(updates)
    let rank = updates.map(\.rank).max() ?? 0
    let scale = UpdateOrder.mostCommon(updates.map(\.scaling))
    var weights = SafeTensorsWriter(metadata: [(key: "format", value: "mlx")])
    var keys: [String] = []
    for update in updates {
      let key = try key(update.moduleName, directory: directory)
      if !keys.contains(key) { keys.append(key) }
      let ratio = scale == 0 ? 1 : update.scaling / scale
      let a = update.loraA.padded(rows: rank, columns: update.inFeatures)
      let b = update.loraB.padded(rows: update.outFeatures, columns: rank)
      if update.moduleName == embedding {
        // Rows of lora_a are looked up: nothing is transposed.
        let rows = update.loraB.padded(rows: update.outFeatures, columns: rank)
        try weights.add("\(update.moduleName).lora_a", dtype: dtype, matrix: rows)
        try weights.add(
          "\(update.moduleName).lora_b", dtype: dtype, shape: [rank, update.inFeatures],
          floats: a.elements.map { Float(Double($0) * ratio) })
        continue
      }
      try weights.add("\(update.moduleName).lora_a", dtype: dtype, matrix: a.transposed)
      try weights.add(
        "\(update.moduleName).lora_b", dtype: dtype, shape: [rank, update.outFeatures],
        floats: b.transposed.elements.map { Float(Double($0) * ratio) })
    }
    let configuration: JSONValue = [
      "fine_tune_type": "lora", "model": baseModelName.map { .string($0) } ?? .null,
      "num_layers": .integer(layerCount),
      "lora_parameters": [
        "rank": .integer(rank), "scale": .number(scale), "dropout": 0.0,
        "keys": .array(keys.map { .string($0) }),
      ],
    ]
    try Paths.makeDirectory(directory)
    let place = Paths.join(directory, AdapterFiles.configurationName)
    // An earlier adapter's would give these weights another scale until its own is there.
    Paths.removeIfPresent(place)
    try weights.write(to: Paths.join(directory, "adapters.safetensors"))
    try AtomicFile.write(place, text: configuration.text(pretty: true))
    return rank
  }

  private static let embedding = TensorNames.llama.module(.embedding) ?? ""
  private static let head = TensorNames.llama.module(.head) ?? ""

  /// `self_attn.q_proj` of `model.layers.3.self_attn.q_proj`; outside the blocks the whole path.
  private static func key(_ name: String, directory: String) throws(Fault) -> String {
    if name == embedding || name == head { return name }
    let parts = name.split(separator: ".").map(String.init)
    if let experts = parts.firstIndex(of: "experts"), experts + 1 < parts.count,
      ModuleOrder.isNumber(parts[experts + 1])
    {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "mlx-lm has the factors of all experts in one tensor, which is not written; export to peft",
        path: directory, tensor: name)
    }
    guard parts.count > 3, parts[0] == "model", parts[1] == "layers",
      ModuleOrder.isNumber(parts[2])
    else {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "mlx-lm adapts modules of blocks, model.layers.N, embeddings and head only",
        path: directory, tensor: name)
    }
    return parts[3...].joined(separator: ".")
  }
}
