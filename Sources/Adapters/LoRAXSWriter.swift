import Checkpoints
public import Faults
import Files
import JSON
public import Tensors

/// Writes latents with their directions as the LoRA-XS reference code does (`formats/lora-xs.md`).
public enum LoRAXSWriter {
  /// One module: `ΔW = B · R · A`.
  public struct Module: Sendable {
    /// The module's name without `.weight`.
    public let name: String
    /// diag(σ) Vᵀ, `[rank, inFeatures]`.
    public let down: Matrix<Float>
    /// U, `[outFeatures, rank]`.
    public let up: Matrix<Float>
    /// R, `[rank, rank]`.
    public let latent: Matrix<Float>

    /// A module from its three matrices.
    public init(name: String, down: Matrix<Float>, up: Matrix<Float>, latent: Matrix<Float>) {
      self.name = name
      self.down = down
      self.up = up
      self.latent = latent
    }
  }

  /// The folder of the adapter; the configuration of the reconstruction lies beside it.
  public static let adapterFolder = "ft"

  /// Writes `reconstr_config.json` and the folder `ft` into `directory`.
  ///
  /// The reference code makes all modules with one rank, scaling 1 here: smaller ones are padded with zeros.
  ///
  /// - Returns: That rank.
  /// - Throws: 73, 74, 75 from the file system; 65 `VAL-RANGE` when a value does not fit `dtype`;
  ///   69 `AD-EXPORT` for a module too small for the rank; 70 `AD-WRITE` for no modules.
  @discardableResult
  public static func write(
    _ modules: [Module], to directory: String, baseModelName: String?,
    taskType: String? = "CAUSAL_LM", dtype: DType = .f32
  ) throws(Fault) -> Int {
    let rank = modules.map(\.latent.rows).max() ?? 0
    var pairs: [LowRankUpdate] = []
    var weights = SafeTensorsWriter()
    for module in modules {
      guard rank <= min(module.up.rows, module.down.columns) else {
        throw Fault(
          .unsupported, "AD-EXPORT",
          "LoRA-XS has one rank for all modules, here \(rank), and a weight of "
            + "\(module.up.rows)x\(module.down.columns) has not as many directions",
          path: directory, tensor: module.name)
      }
      let down = module.down.padded(rows: rank, columns: module.down.columns)
      let up = module.up.padded(rows: module.up.rows, columns: rank)
      pairs.append(
        LowRankUpdate(moduleName: module.name, loraA: down, loraB: up, scaling: 1))
      let name = "base_model.model.\(module.name)"
      try weights.add("\(name).lora_A.weight", dtype: dtype, matrix: down)
      try weights.add("\(name).lora_B.weight", dtype: dtype, matrix: up)
      try weights.add(
        "\(name)_lora_latent_mapping.weight", dtype: dtype,
        matrix: module.latent.padded(rows: rank, columns: rank))
    }
    let configuration = PEFTWriter.configuration(
      try UpdateOrder.sorted(pairs), baseModelName: baseModelName, taskType: taskType)
    let reconstruction: JSONValue = [
      "reconstruction_type": "svd", "reconstr_mode": "separated", "half_init_dec": false,
      "replacement_module_random_init": false, "r_squared": true,
      "svd": ["n_iter": 10, "random_state": 42, "rank": .integer(rank)],
    ]
    let folder = Paths.join(directory, adapterFolder)
    try Paths.makeDirectory(folder)
    try weights.write(to: Paths.join(folder, AdapterPlace.names[0]))
    try AtomicFile.write(
      Paths.join(folder, AdapterFiles.configurationName), text: configuration.text(pretty: true))
    try AtomicFile.write(
      Paths.join(directory, "reconstr_config.json"), text: reconstruction.text(pretty: true))
    return rank
  }
}

extension Matrix where Scalar == Float {
  /// The matrix with zeros to the right and below.
  func padded(rows: Int, columns: Int) -> Matrix<Float> {
    guard rows > self.rows || columns > self.columns else { return self }
    var result = [Float](repeating: 0, count: rows * columns)
    for row in 0..<self.rows {
      for column in 0..<self.columns {
        result[row * columns + column] = elements[row * self.columns + column]
      }
    }
    return Matrix(rows: rows, columns: columns, elements: result)
  }
}
