/// What became of one linear module.
public struct ModuleRecord: Hashable, Sendable {
  /// The module's path in HF naming, such as `model.layers.0.self_attn.q_proj`.
  public var name: String
  /// Rows of the base weight.
  public var outFeatures: Int
  /// Columns of the base weight.
  public var inFeatures: Int
  /// Rank of the LoRA update; nil for a start from nothing.
  public var loraRank: Int?
  /// Kept directions on the output side (rows of the latent matrix).
  public var outputRank: Int
  /// Kept directions on the input side (columns of the latent matrix).
  public var inputRank: Int
  /// ‖UᵀΔWV‖² ⁄ ‖ΔW‖²: the share of the update's energy that the directions hold, in [0, 1]; nil
  /// for an update of zero, and for a start from nothing.
  public var capturedEnergy: Double?
  /// 1 − weighted error ⁄ weighted total of the start, in the curvature-weighted norm.
  public var weightedCapturedEnergy: Double?
  /// Bytes of the stored latent's codes and scales, before compression.
  public var bytes: Int

  /// Creates a record.
  public init(
    name: String, outFeatures: Int, inFeatures: Int, loraRank: Int?, outputRank: Int,
    inputRank: Int, capturedEnergy: Double?, weightedCapturedEnergy: Double? = nil, bytes: Int
  ) {
    self.name = name
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.loraRank = loraRank
    self.outputRank = outputRank
    self.inputRank = inputRank
    self.capturedEnergy = capturedEnergy
    self.weightedCapturedEnergy = weightedCapturedEnergy
    self.bytes = bytes
  }
}
