public import Artifacts
public import Bases
public import JSON

/// What an adapter and its artifact come to in numbers and bytes, without a run (`xspress.estimate/1`).
///
/// Counts are exact. Bytes of the artifact are `ByteModel`'s of a projection: within 3% of what a conversion without
/// training writes of the demo adapters, within 9% for int4 and coarser. Tuned numbers take up to a sixth more, and what
/// is measured stands in the metadata besides.
public struct SizeEstimate: Sendable {
  /// A weight that the adapter changes.
  public struct Module: Sendable, Hashable {
    /// Rows of the weight.
    public var outFeatures: Int
    /// Columns of the weight.
    public var inFeatures: Int
    /// Rank of the adapter's update.
    public var loraRank: Int

    /// A weight `[outFeatures, inFeatures]` with an update of rank `loraRank`.
    public init(outFeatures: Int, inFeatures: Int, loraRank: Int) {
      self.outFeatures = outFeatures
      self.inFeatures = inFeatures
      self.loraRank = loraRank
    }
  }

  /// The weights.
  public let modules: [Module]
  /// Directions of every module, clipped to its sides where they are used.
  public let rank: LatentRank
  /// How latents are stored.
  public let storage: LatentStorage

  /// The estimate at a rank.
  public init(_ modules: [Module], rank: LatentRank, storage: LatentStorage) {
    self.modules = modules
    self.rank = rank
    self.storage = storage
  }

  /// The estimate at the largest square rank whose artifact is put at `budget` bytes or less; rank 0 where none is.
  public init(_ modules: [Module], budget: Int, storage: LatentStorage) {
    var rank = 0
    while rank < 4096,
      SizeEstimate(modules, rank: LatentRank(rank + 1), storage: storage).artifactBytes <= budget
    { rank += 1 }
    self.init(modules, rank: LatentRank(rank), storage: storage)
  }

  /// Numbers of the LoRA, `Σ r (out + in)`.
  public var loraParameters: Int {
    modules.reduce(0) { $0 + $1.loraRank * ($1.outFeatures + $1.inFeatures) }
  }

  /// Numbers of the latents, `Σ r_out r_in`.
  public var parameters: Int {
    modules.reduce(0) {
      let rank = rank.clipped(outFeatures: $1.outFeatures, inFeatures: $1.inFeatures)
      return $0 + rank.output * rank.input
    }
  }

  /// Bytes that an artifact is put at.
  public var artifactBytes: Int {
    let model = ByteModel(storage: storage, numbers: .projected)
    return Int(
      modules.reduce(ByteModel.headerBytes) {
        let rank = rank.clipped(outFeatures: $1.outFeatures, inFeatures: $1.inFeatures)
        return $0
          + model.bytes(
            rows: rank.output, columns: rank.input, outFeatures: $1.outFeatures,
            inFeatures: $1.inFeatures)
      })
  }

  /// `xspress.estimate/1`, of `count` adapters.
  public func json(count: Int) -> JSONValue {
    .object([
      "schema": "xspress.estimate/1", "modules": .integer(modules.count),
      "rank": .string(rank.description), "store": .string(storage.rawValue),
      "lora_parameters": .integer(loraParameters), "parameters": .integer(parameters),
      "lora_f16_bytes": .integer(2 * loraParameters), "latent_f16_bytes": .integer(2 * parameters),
      "artifact_bytes": .integer(artifactBytes), "adapters": .integer(count),
      "total_lora_f16_bytes": .integer(clamping(2 * loraParameters, count)),
      "total_latent_f16_bytes": .integer(clamping(2 * parameters, count)),
      "total_artifact_bytes": .integer(clamping(artifactBytes, count)),
    ])
  }

  private func clamping(_ bytes: Int, _ count: Int) -> Int {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: count)
    return overflow ? .max : product
  }
}
