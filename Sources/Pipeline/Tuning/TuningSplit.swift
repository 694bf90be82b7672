package import Evaluation
package import Faults
import Training

/// Which examples train, which choose step and learning rate, and which judge the artifact and nothing else.
package struct TuningSplit {
  package private(set) var training: [TokenizedExample]
  package private(set) var validation: [TokenizedExample]
  /// Held out for a minimum of retained gain; empty where none was asked for.
  package private(set) var gate: [TokenizedExample] = []

  /// Rows of a share that are held out at most: more would cost time and say little.
  private static let limit = 256

  /// Keeps the gate's draw apart from that of validation.
  private static let stream: UInt64 = 0x6761_7465

  /// `fraction` of `examples` for validation and, where `gated`, as many more for the gate: at most 256 each, the
  /// gate at least ``RetentionGate/leastRows`` and at most half of what validation leaves.
  ///
  /// - Throws: 64 `JOB-GATE` where that leaves the gate too few.
  package init(
    _ examples: [TokenizedExample], fraction: Double, seed: UInt64, gated: Bool
  ) throws(Fault) {
    (training, validation) = TuningData.split(
      examples, fraction: fraction, limit: TuningSplit.limit, seed: seed)
    guard gated else { return }
    let count = min(max(validation.count, RetentionGate.leastRows), training.count / 2)
    guard count >= RetentionGate.leastRows else { throw RetentionGate.tooFew(count) }
    (training, gate) = TuningData.split(
      training, count: count, seed: seed, stream: TuningSplit.stream)
  }

  /// The examples of a file each; where `gated`, half of the validation file, drawn by `seed`, is the gate's.
  ///
  /// - Throws: 64 `JOB-GATE` where half of it is too few.
  package init(
    training: [TokenizedExample], validation: [TokenizedExample], seed: UInt64, gated: Bool
  ) throws(Fault) {
    (self.training, self.validation) = (training, validation)
    guard gated else { return }
    let count = validation.count / 2
    guard count >= RetentionGate.leastRows else { throw RetentionGate.tooFew(count) }
    (self.validation, gate) = TuningData.split(
      validation, count: count, seed: seed, stream: TuningSplit.stream)
  }
}
