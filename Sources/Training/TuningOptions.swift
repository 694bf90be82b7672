public import LinearAlgebra
public import Models

/// Everything that decides a tuning run besides the model, the adapter and the data.
public struct TuningOptions: Sendable, Hashable {
  /// What a step minimises.
  public enum Objective: String, Sendable, Hashable, CaseIterable {
    /// Distillation from the LoRA model: KL(teacher ‖ student) at completion positions.
    case kd
    /// Cross-entropy on the completions.
    case ce
    /// Half of each.
    case mix

    /// The weights of the two losses.
    public var weights: OutputHead.Objective {
      switch self {
      case .kd: OutputHead.Objective(crossEntropy: 0, distillation: 1)
      case .ce: OutputHead.Objective(crossEntropy: 1, distillation: 0)
      case .mix: OutputHead.Objective(crossEntropy: 0.5, distillation: 0.5)
      }
    }
  }

  /// The coordinates the optimiser works in.
  public enum Coordinates: String, Sendable, Hashable, CaseIterable {
    /// The latents M themselves.
    case plain
    /// `M = (UᵀGU)^{−1/2} · M̃ · (VᵀCV)^{−1/2}`, factors scaled to mean diagonal 1.
    case whitened
  }

  /// What a step minimises.
  public var objective = Objective.kd
  /// The coordinates the optimiser works in.
  public var coordinates = Coordinates.plain
  /// Number of steps.
  public var steps = 100
  /// Examples a step.
  public var batchSize = 16
  /// Peak learning rate.
  public var learningRate = 0.03
  /// How the rate falls for a start that is near; nil leaves it as it is.
  public var nearStart: NearStart?
  /// Steps of linear warm-up; then linear to zero.
  public var warmup = 10
  /// Steps between validations; the last step always validates.
  public var validationInterval = 50
  /// Validations without improvement before the run stops; nil never stops early.
  public var patience: Int?
  /// Steps between checkpoints.
  public var checkpointInterval = 50
  /// Last steps that run on latents rounded as they will be stored; the best is then one of theirs, and none stops
  /// the run before them.
  public var quantizedSteps = 0
  /// The arithmetic of a step's products; losses on validation are always in Float32.
  ///
  /// With `bfloat16` single gradients are off by up to a tenth and the loss by a thousandth (demo base, every
  /// module), without effect on what tuning ends at in what was measured (`Sources/Benchmarks/NOTES.md`).
  public var precision = ProductPrecision.float32
  /// Trains the vectors of a residual too, by their codes, and not only the latents.
  public var tunesResidual = false
  /// Runs blocks again in the backward pass instead of keeping their activations; changes no result.
  public var recomputes = false
  /// Seed of the data order.
  public var seed: UInt64 = 0

  /// The defaults of the command line.
  public init() {}

  /// A rule that lowers the rate by the validation loss of the start: by `loss / fullRateLoss`, but to no less than
  /// `leastShare`.
  ///
  /// AdamW moves every number by the rate whatever the loss: from a start that is near, as far away first.
  public struct NearStart: Sendable, Hashable {
    /// The loss from which on the rate is whole.
    public var fullRateLoss: Double
    /// What is left of the rate however near the start is.
    public var leastShare: Double

    /// A rule.
    public init(fullRateLoss: Double, leastShare: Double = 0.1) {
      self.fullRateLoss = fullRateLoss
      self.leastShare = leastShare
    }

    /// What is left of the rate.
    func share(at loss: Double) -> Double { min(1, max(loss / fullRateLoss, leastShare)) }
  }

  /// Sets the rate where none is given, as measured on dev rows (`golden/recovery/NOTES.md`).
  ///
  /// Of directions it is `0.03 · min(1, 96 / outputDirections)`, since AdamW moves every number alike and a longer column
  /// moves farther in a step, and whole from a KL of 0.5 on; beside a residual, or where scales alone are trained, 0.015,
  /// whole from a KL of 0.06 on, three tenths of it near the adapter. What is best depends on the task as well: the search for
  /// a rate starts here.
  ///
  /// - Parameter knowsStart: Whether the loss of the start is a KL and known; if not, directions get the whole rate and
  ///   what stands beside a residual the least.
  public mutating func setStandardRate(
    outputDirections: Int, besideResidual: Bool, knowsStart: Bool
  ) {
    let rule =
      besideResidual
      ? NearStart(fullRateLoss: 0.06, leastShare: 0.3) : NearStart(fullRateLoss: 0.5)
    learningRate = besideResidual ? 0.015 : 0.03 * min(1, 96 / Double(max(outputDirections, 1)))
    nearStart = knowsStart ? rule : nil
    if !knowsStart, besideResidual { learningRate *= rule.leastShare }
  }

  /// Sets the rate where none is given and latents in the first directions of the base start from nothing, as measured on dev
  /// rows (`golden/recovery/NOTES.md`): `1.6 / rank`, at most 0.3, and a tenth of that where a head for classes answers.
  ///
  /// AdamW moves every number alike, so that an update's norm grows with the rank.
  public mutating func setRateFromNothing(rank: Int, ofClasses: Bool = false) {
    learningRate = min(0.3, 1.6 / Double(max(rank, 1))) * (ofClasses ? 0.1 : 1)
    nearStart = nil
  }

  /// The learning rate of step `step` (0-based): linear warm-up for at most half of the steps, then linear to zero at `steps`.
  public func learningRate(at step: Int) -> Double {
    let warmup = min(warmup, steps / 2)
    if step < warmup { return learningRate * Double(step + 1) / Double(warmup) }
    return learningRate * Double(steps - step) / Double(max(steps - warmup, 1))
  }
}
