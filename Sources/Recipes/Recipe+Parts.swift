public import Adapters
public import Artifacts
public import Bases
public import LinearAlgebra
public import Training

extension Recipe {
  /// How large the artifact may or must be.
  public enum Target: Sendable, Hashable {
    /// This many directions in every module.
    case rank(LatentRank)
    /// The ranks that capture most in an artifact of at most so many bytes; with a share, in the smallest tried part
    /// of them whose artifact retains it on rows held out for that.
    case budget(bytes: Int, minRetained: Double? = nil)
    /// As many directions as each update has, for its own ones.
    case own
    /// The smallest tried rank whose artifact retains this share on rows held out for that.
    case minRetained(Double, startingRank: LatentRank)

    /// The most bytes that the artifact may have, if any.
    public var budget: Int? { if case .budget(let bytes, _) = self { bytes } else { nil } }

    /// The share of the LoRA's gain that the artifact must retain, if any.
    public var minRetained: Double? {
      switch self {
      case .rank, .own: nil
      case .budget(_, let share): share
      case .minRetained(let share, _): share
      }
    }
  }

  /// A start from nothing: modules of the base that get latents without an adapter, which examples alone train.
  public struct Scratch: Sendable, Hashable {
    /// The modules, in the words of ``TargetModules``.
    public var modules: [String]

    /// A start in `modules`.
    public init(modules: [String] = [TargetModules.allLinear]) {
      self.modules = modules
    }
  }

  /// What becomes of an adapter of which no size retains the minimum that was asked for.
  public enum BelowMinimum: String, Sendable, Hashable, CaseIterable {
    /// Its job is rejected.
    case reject
    /// It stays the LoRA that it is: the job is done with, and writes no artifact.
    case keep
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

  /// What an artifact within a budget is made of.
  public enum ArtifactForm: String, Sendable, Hashable, CaseIterable {
    /// Latents in directions of the base.
    case directions
    /// Pairs of vectors of the adapter.
    case pairs
    /// Half of the bytes for pairs, the rest for directions.
    case both
  }

  /// How a budget becomes ranks, where directions are chosen.
  public enum Allocation: String, Sendable, Hashable, CaseIterable {
    /// One shape for every module, the one that captures most.
    case uniform
    /// Module by module, by what its next directions capture for their bytes; 0 included.
    case energy
  }

  /// Other ways to spend the same bytes, measured beside the job.
  public enum Control: String, Sendable, Hashable, CaseIterable {
    /// The paper's top directions: same shape, start, tuning.
    case top
    /// Latents start at zero; same directions and tuning.
    case zero
    /// Random orthonormal bases: same shape, start, tuning.
    case random
    /// The LoRA cut by SVD in codes that fit the same bytes, as it is and distilled.
    case truncated
    /// The LoRA as sparse signs or values (ComPEFT) at the same bytes, as it is and with distilled scales.
    case ternary
    /// The other forms of an artifact at the same bytes, tuned alike.
    case forms
    /// LoRA trained from nothing, in codes, in as many modules as the same bytes hold.
    case lora
    /// VeRA trained from nothing, likewise.
    case vera
  }

  /// A data file and how much of it to read.
  public struct Data: Sendable, Hashable {
    /// The JSONL file.
    public var path: String
    /// The first so many examples; nil for all.
    public var limit: Int?
    /// Examples at the start of the file that are passed over first.
    public var skip: Int
    /// How the model multiplies where it is measured on them.
    public var precision: ProductPrecision

    /// A data file.
    public init(
      path: String, limit: Int? = nil, skip: Int = 0, precision: ProductPrecision = .float32
    ) {
      self.path = path
      self.limit = limit
      self.skip = skip
      self.precision = precision
    }
  }

  /// Where examples for calibration and training come from.
  public struct Examples: Sendable, Hashable {
    /// The JSONL file; nil for texts that the LoRA model writes itself.
    public var path: String?
    /// The first so many examples; nil for all.
    public var limit: Int?

    /// Examples of a file.
    public static func file(_ data: Data) -> Examples {
      Examples(path: data.path, limit: data.limit)
    }

    /// Texts that the LoRA model writes itself.
    public static func own(limit: Int?) -> Examples { Examples(path: nil, limit: limit) }

    /// The file, if it is one.
    public var file: Data? { path.map { Data(path: $0, limit: limit) } }
  }

  /// The model whose second moments on the calibration's examples weigh errors.
  public enum CalibrationModel: String, Sendable, Hashable, CaseIterable {
    /// The LoRA model: each adapter has its own.
    case adapter
    /// The base without any adapter: all adapters on it share them.
    case base
  }

  /// What the LoRA model writes where data is `self`.
  public struct OwnTexts: Sendable, Hashable {
    /// Openings (JSONL, `formats/data.md` §5); nil for the built-in ones.
    public var openingsPath: String?
    /// How many texts, how long, and how they are drawn; the job's seed is used.
    public var options = SelfSampler.Options()

    /// The texts that are written where nobody says.
    public init() {}
  }

  /// Where validation examples come from.
  public enum Validation: Sendable, Hashable {
    /// A share of the training examples, at most 256.
    case fraction(Double)
    /// A file of their own.
    case file(Data)
  }

  /// Fine-tuning of the latents.
  public struct Tuning: Sendable, Hashable {
    /// Training examples.
    public var data: Examples
    /// Validation examples.
    public var validation = Validation.fraction(0.05)
    /// The optimiser's settings; their learning rate is `learningRate`, if that is given.
    public var options = TuningOptions()
    /// Peak learning rate; nil for what suits the latents' shape.
    public var learningRate: Double?
    /// Tries a few learning rates on validation first.
    public var searchesLearningRate = false

    /// Tuning on `data`.
    public init(data: Examples) {
      self.data = data
    }
  }
}

extension Recipe {
  /// The ways in which directions of a budget may be stored: those that have not lost to all others anywhere
  /// (`golden/recovery/NOTES.md`).
  package var storages: [LatentStorage] {
    guard choosesStorage else { return [storage] }
    return tuning == nil ? [.int8, .int4, .int3] : [.int3, .int4]
  }
}

extension LatentStorage {
  /// How latents are stored where nobody says: a tuned budget buys most in three bits (`golden/recovery/NOTES.md`).
  public static func standard(for target: Recipe.Target, isTuned: Bool) -> LatentStorage {
    if case .budget = target, isTuned { .int3 } else { .int8 }
  }

  /// How many of a run's last steps work on rounded latents where nobody says: none where rounding costs nothing
  /// measurable, else half of them (`golden/recovery/NOTES.md`).
  public func quantizedSteps(of steps: Int) -> Int { isCoarse ? steps / 2 : 0 }

  /// Whether rounding costs something measurable.
  package var isCoarse: Bool { (1..<127).contains(largestCode) }
}
