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
  /// The validation loss at the start below which the learning rate falls in proportion, to a tenth at least; nil leaves
  /// the rate as it is.
  ///
  /// AdamW moves every number by the rate whatever the loss: from a start that is near, as far away first.
  public var fullRateLoss: Double?
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

  /// What ``fullRateLoss`` is where no rate is given: a KL of 0.5 (measured between 0.17 and 2.4, see the notes named
  /// below).
  public static let standardFullRateLoss = 0.5

  /// The peak learning rate where none is given: `0.03 · min(1, 96 / outputDirections)`.
  ///
  /// AdamW moves every number alike, so a longer column moves farther in a step. A residual starts near the adapter, and
  /// such rates throw it off in the first steps. What is best depends on the task as well (`golden/recovery/NOTES.md`);
  /// the search for a rate starts here.
  public static func learningRate(outputDirections: Int, besideResidual: Bool) -> Double {
    besideResidual ? 0.005 : 0.03 * min(1, 96 / Double(max(outputDirections, 1)))
  }

  /// The learning rate of step `step` (0-based): linear warm-up for at most half of the steps, then linear to zero at `steps`.
  public func learningRate(at step: Int) -> Double {
    let warmup = min(warmup, steps / 2)
    if step < warmup { return learningRate * Double(step + 1) / Double(warmup) }
    return learningRate * Double(steps - step) / Double(max(steps - warmup, 1))
  }
}
