public import Adapters
public import Artifacts
public import Bases
public import Projection
public import Training

/// One adapter to convert, with every decision made: what a command or a manifest asks for.
public struct JobRequest: Sendable {
  /// How large the artifact may or must be.
  public enum Target: Sendable, Hashable {
    /// This many directions in every module.
    case rank(LatentRank)
    /// The largest square rank whose artifact fits this many bytes.
    case budget(bytes: Int)
    /// As many directions as each update has, for its own ones.
    case own
    /// The smallest tried rank whose retained gain on validation reaches this share.
    case minRetained(Double, startingRank: LatentRank)
  }

  /// Which singular directions of a base weight are used.
  public enum Directions: String, Sendable, Hashable, CaseIterable {
    /// Chosen by (curvature-weighted) energy of the update.
    case selected
    /// The first ones: the paper's own choice.
    case top
    /// Those of the adapter's own factors, embedded in the artifact: exact whatever the base.
    case own
  }

  /// A data file and how much of it to read.
  public struct Data: Sendable, Hashable {
    /// The JSONL file.
    public var path: String
    /// The first so many examples; nil for all.
    public var limit: Int?

    /// A data file.
    public init(path: String, limit: Int? = nil) {
      self.path = path
      self.limit = limit
    }
  }

  /// Where validation examples come from.
  public enum Validation: Sendable, Hashable {
    /// A share of the training examples, at most 256.
    case fraction(Double)
    /// A file of their own.
    case file(Data)
  }

  /// Fine-tuning of the latents.
  public struct Tuning: Sendable {
    /// Training examples.
    public var data: Data
    /// Validation examples.
    public var validation = Validation.fraction(0.05)
    /// The optimiser's settings.
    public var options = TuningOptions()
    /// Tries a few learning rates on validation first.
    public var searchesLearningRate = false

    /// Tuning on `data`.
    public init(data: Data) {
      self.data = data
    }
  }

  /// Other ways to spend the same bytes, measured beside the job.
  public enum Control: String, Sendable, Hashable, CaseIterable {
    /// The paper's top directions, same rank, start and tuning.
    case top
    /// Latents start at zero, same directions and tuning.
    case zero
    /// Random orthonormal bases, same rank and tuning.
    case random
    /// The LoRA cut by SVD to the rank whose quantised factors fit the same bytes; no tuning.
    case truncated
  }

  /// Name of the job and stem of its files.
  public var name: String
  /// The base model.
  public var basePath: String
  /// The adapter.
  public var adapterPath: String
  /// The adapter's dialect; nil to find it by content.
  public var adapterFormat: AdapterDialect?
  /// What becomes of DoRA's magnitudes.
  public var magnitudes = MagnitudeHandling.approximate
  /// An artifact whose directions and latents are the start instead of a projection.
  public var startArtifactPath: String?
  /// How large the artifact may or must be.
  public var target: Target
  /// Which directions are used.
  public var directions = Directions.selected
  /// Only the first so many directions are considered; nil for all.
  public var candidates: Int?
  /// How latents are first set.
  public var method: ProjectionMethod
  /// Examples for calibration.
  public var calibration: Data?
  /// Fine-tuning, if any.
  public var tuning: Tuning?
  /// How latents are stored.
  public var storage = LatentStorage.int8
  /// How parameters that are carried beside the latents are stored; nil for exactly.
  public var carriedStorage: CarriedStorage?
  /// Writes the bases into the artifact.
  public var embedsBases = false
  /// Examples for the accuracy block.
  public var evaluation: Data?
  /// Controls to measure.
  public var controls: [Control] = []
  /// Seed of sampling, splits, order and Ω.
  public var seed: UInt64 = 0
  /// The artifact to write.
  public var outputPath: String
  /// Where a tuning checkpoint is kept while the run lasts; nil for beside the output.
  public var checkpointPath: String?
  /// Ignores an existing checkpoint.
  public var restarts = false

  /// How many first directions the job looks at, where that is known before it runs; nil for all.
  var leadingDirections: Int? {
    if directions == .own { return 0 }
    if let candidates, directions == .selected { return candidates }
    guard directions == .top, startArtifactPath == nil, case .rank(let rank) = target else {
      return nil
    }
    return rank.square
  }

  /// A job with the defaults of the command line.
  public init(
    name: String, basePath: String, adapterPath: String, target: Target,
    method: ProjectionMethod, outputPath: String
  ) {
    self.name = name
    self.basePath = basePath
    self.adapterPath = adapterPath
    self.target = target
    self.method = method
    self.outputPath = outputPath
  }
}
