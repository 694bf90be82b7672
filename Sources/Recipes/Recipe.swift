public import Adapters
public import Artifacts
public import Projection

/// What to do with one adapter, with every decision made.
///
/// A command line and a manifest are two ways to write one; `Field.all` lists its options, each once. Where files lie
/// that a job reads or writes besides data is no part of it.
public struct Recipe: Sendable, Hashable {
  /// The adapter's dialect; nil to find it by content.
  public var adapterFormat: AdapterDialect?
  /// What becomes of DoRA's magnitudes.
  public var magnitudes = MagnitudeHandling.approximate
  /// Where the job starts from nothing; nil where it has an adapter.
  public var scratch: Scratch?
  /// How large the artifact may or must be.
  public var target: Target
  /// What becomes of an adapter of which no size retains the minimum.
  public var belowMinimum = BelowMinimum.reject
  /// What an artifact within a budget is made of; nil to let the best be found.
  public var form: ArtifactForm?
  /// How a budget becomes ranks.
  public var allocation = Allocation.uniform
  /// An artifact whose directions and latents are the start instead of a projection.
  public var startArtifactPath: String?
  /// A pack that bases are taken from instead of an SVD.
  public var basesPath: String?
  /// Which directions are used.
  public var directions = Directions.selected
  /// Only the first so many directions are considered; nil for all.
  public var candidates: Int?
  /// How latents are first set.
  public var method: ProjectionMethod
  /// Examples for calibration.
  public var calibration: Examples?
  /// Whose second moments calibrate.
  public var calibrationModel = CalibrationModel.adapter
  /// Texts for calibration and training that are the model's own.
  public var ownTexts = OwnTexts()
  /// Fine-tuning, if any.
  public var tuning: Tuning?
  /// How latents are stored.
  public var storage: LatentStorage
  /// Whether a budget's latents may be stored otherwise, where that serves more.
  public var choosesStorage = false
  /// A remainder of the LoRA stored beside the latents, if any.
  public var residual: Residual?
  /// How parameters that are carried beside the latents are stored; nil for exactly.
  public var carriedStorage: CarriedStorage?
  /// Writes the bases into the artifact.
  public var embedsBases = false
  /// Examples for the accuracy block.
  public var evaluation: Data?
  /// Controls to measure.
  public var controls: [Control] = []
  /// Seed of sampling, splits and Ω.
  public var seed: UInt64 = 0

  /// A conversion without data; everything else as where nobody says.
  public init(target: Target, method: ProjectionMethod) {
    self.target = target
    self.method = method
    storage = .standard(for: target, isTuned: false)
  }

  /// Whether the model writes its own calibration or training texts.
  public var usesOwnTexts: Bool {
    [calibration, tuning?.data].compactMap(\.self).contains { $0.path == nil }
  }
}
