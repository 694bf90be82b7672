public import Bases

/// What to do with one adapter; every word has been checked against `formats/manifest.md` §4.
public struct JobOptions: Hashable, Sendable {
  /// How large the latents may be.
  public enum Target: Hashable, Sendable {
    /// This many directions in every module.
    case rank(LatentRank)
    /// At most this many bytes of artifact; with a share, the smallest tried part of them that retains it.
    case budget(bytes: Int, minRetained: Double? = nil)
    /// The adapter's own, for its own directions.
    case own
    /// The smallest rank whose retained gain on validation reaches this share.
    case minRetained(Double)
  }

  /// Examples and how many of them.
  public struct DataChoice: Hashable, Sendable {
    /// Path of a JSONL file.
    public var path: String
    /// The first so many examples; `nil` for all.
    public var limit: Int?
    /// Examples at the start of the file that are passed over first.
    public var skip = 0
  }

  /// Examples for calibration or tuning and how many of them.
  public struct ExamplesChoice: Hashable, Sendable {
    /// Path of a JSONL file; `nil` for texts that the LoRA model writes itself (`self`).
    public var path: String?
    /// The first so many examples; `nil` for all.
    public var limit: Int?

    /// A file, or the model's own texts.
    public init(path: String? = nil, limit: Int? = nil) {
      self.path = path
      self.limit = limit
    }
  }

  /// How the LoRA model writes texts itself; `nil` where the command's default holds.
  public struct OwnTexts: Hashable, Sendable {
    /// Openings, as JSONL.
    public var openingsPath: String?
    /// Number of texts.
    public var count: Int?
    /// At most so many tokens in each part that the model writes.
    public var length: Int?
    /// `base` or `adapter`.
    public var writer: String?
    /// Temperature of the draws.
    public var temperature: Double?
    /// Share of probability that draws are from.
    public var topP: Double?
  }

  /// How long to tune and with what; `nil` where the command's default holds.
  public struct Tuning: Hashable, Sendable {
    /// Training examples.
    public var data: ExamplesChoice
    /// `kd`, `ce` or `mix`.
    public var objective: String?
    /// `zero`, `projected`, `calibrated` or `kfac`.
    public var start: String?
    /// `plain` or `whitened`.
    public var coordinates: String?
    /// Optimiser steps.
    public var steps: Int?
    /// Examples a step.
    public var batchSize: Int?
    /// Learning rate.
    public var learningRate: Double?
    /// Whether to search the learning rate on the validation split.
    public var searchesLearningRate: Bool?
    /// Warm-up steps.
    public var warmup: Int?
    /// Share of the training examples kept for validation.
    public var validationShare: Double?
    /// Validation examples of their own.
    public var validationPath: String?
    /// Steps between checkpoints.
    public var checkpointEvery: Int?
    /// Last steps that run on latents rounded as they will be stored.
    public var quantizedSteps: Int?
    /// Arithmetic of the passes: `float32` or `bfloat16`.
    public var precision: String?
    /// Whether the backward pass runs blocks again instead of keeping their activations.
    public var recomputes: Bool?
    /// Whether the vectors of a residual are trained too.
    public var tunesResidual: Bool?
    /// Validations without improvement before tuning stops.
    public var patience: Int?
    /// Seed of the data order and the validation split.
    public var seed: Int?
  }

  /// A control to measure beside the result (`formats/manifest.md` §4.9).
  public enum Control: String, Hashable, Sendable, CaseIterable {
    /// The paper's first singular directions, tuned alike.
    case top
    /// A start from zero, tuned alike.
    case zero
    /// Random orthonormal bases, tuned alike.
    case random
    /// The LoRA itself, cut by SVD and quantised to the same bytes.
    case truncated
    /// The LoRA as sparse signs of the same bytes.
    case ternary
    /// The forms of ours that the result is not of.
    case forms
  }

  /// How large the latents may be.
  public var target: Target
  /// The adapter's dialect; `nil` to find it by content.
  public var format: String?
  /// `approximate` or `keep`.
  public var dora: String?
  /// `selected`, `top` or `own`.
  public var directions: String?
  /// Candidate directions a side.
  public var candidates: Int?
  /// `directions`, `pairs` or `both`; `nil` to let the best be found.
  public var form: String?
  /// `energy` or `uniform`.
  public var allocation: String?
  /// `projected`, `calibrated` or `kfac`.
  public var method: String?
  /// A storage of `formats/loraxs.md` §5.
  public var store: String?
  /// A residual beside the latents, if any.
  public var residual: JobRequest.Residual?
  /// `f32`, `f16`, `bf16` or `int8`; `nil` for exactly.
  public var carryStore: String?
  /// Whether the artifact carries its bases.
  public var embedsBases: Bool
  /// Seed of everything that is not tuning.
  public var seed: Int
  /// Calibration examples.
  public var calibration: ExamplesChoice?
  /// How texts of the model's own are made, where calibration or tuning asks for them.
  public var ownTexts: OwnTexts?
  /// Tuning; `nil` for a conversion without training.
  public var tuning: Tuning?
  /// Examples to measure on; `nil` for no measurement.
  public var evaluation: DataChoice?
  /// Controls to measure, in the order given.
  public var controls: [Control]
}
