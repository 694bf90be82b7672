public import Evaluation
public import Faults
import Foundation
public import Models
public import Ranks
import Tensors

/// Training and validation examples, with the teacher's states for both.
public final class TuningData {
  /// Examples that steps see.
  public let training: [TokenizedExample]
  /// Held-out examples that choose the step and the learning rate; never trained on.
  public let validation: [TokenizedExample]
  /// The processes that share the work on them.
  public let ranks: Ranks
  let trainingTeacher: TeacherStates?
  private let validationTeacher: TeacherStates?
  private let validationBatches: [[Int]]

  /// Data with a teacher for distillation; without one only cross-entropy can be had.
  ///
  /// - Parameters:
  ///   - store: Keeps the teacher's states for later runs.
  ///   - stateByteLimit: What states of training examples, and of validation examples, may take in memory.
  public init(
    training: [TokenizedExample], validation: [TokenizedExample], teacher: DecoderPool?,
    store: TeacherStateStore? = nil, stateByteLimit: Int = TeacherStates.mostBytes,
    ranks: Ranks = .one
  ) {
    self.training = training
    self.validation = validation
    self.ranks = ranks
    func states(_ examples: [TokenizedExample]) -> TeacherStates? {
      teacher.map {
        TeacherStates(
          teacher: $0, examples: examples, chunkSize: 16, store: store, byteLimit: stateByteLimit,
          ranks: ranks)
      }
    }
    trainingTeacher = states(training)
    validationTeacher = states(validation)
    validationBatches = stride(from: 0, to: validation.count, by: 16).map {
      Array($0..<min($0 + 16, validation.count))
    }
  }

  /// Splits `examples` into training and validation: `fraction` of them, at most `limit`, drawn by `seed`.
  public static func split(
    _ examples: [TokenizedExample], fraction: Double, limit: Int, seed: UInt64
  ) -> (training: [TokenizedExample], validation: [TokenizedExample]) {
    let count = min(limit, Int((Double(examples.count) * fraction).rounded()), examples.count - 1)
    let split = split(examples, count: count, seed: seed, stream: 0x7661_6c69_6461_7465)
    return (split.kept, split.held)
  }

  /// Splits `count` examples, drawn by `seed`, from the others; both keep their order.
  ///
  /// - Parameter stream: Of its own, so that the data order and other splits of the same seed are independent.
  public static func split(
    _ examples: [TokenizedExample], count: Int, seed: UInt64, stream: UInt64
  ) -> (kept: [TokenizedExample], held: [TokenizedExample]) {
    guard count > 0 else { return (examples, []) }
    var generator = SeededGenerator(seed: seed, stream: stream)
    let held = Set(generator.permutation(examples.count).prefix(count))
    let indexed = examples.enumerated()
    return (
      indexed.filter { !held.contains($0.offset) }.map(\.element),
      indexed.filter { held.contains($0.offset) }.map(\.element)
    )
  }

  /// Mean loss over all completion positions of the validation examples; 0 without any.
  ///
  /// - Throws: `RUN-STOPPED` where the process is interrupted.
  public func validationLoss(
    of student: StudentModel, objective: TuningOptions.Objective
  ) throws(Fault) -> Double {
    let teachers = try validationBatches.map { (group) throws(Fault) in
      objective == .ce ? nil : try validationTeacher?.hidden(group)
    }
    let losses = try ranks.share(validationBatches.count) { (mine) throws(Fault) in
      let batches = mine.map { index in
        TokenBatch(examples: validationBatches[index].map { validation[$0] })
      }
      return try student.pool.forward(batches) { (place, decoder, hidden) throws(Fault) in
        let batch = batches[place]
        let scores = decoder.head.scores(
          hidden, targets: batch.targets, values: batch.values, teacher: teachers[mine[place]])
        return BatchLoss(
          total: objective.weights.crossEntropy * scores.negativeLogLikelihoods.reduce(0, +)
            + objective.weights.distillation * scores.divergences.reduce(0, +),
          positions: batch.lossPositions.count)
      }
    }
    let positions = losses.reduce(0) { $0 + $1.positions }
    return losses.reduce(0) { $0 + $1.total } / Double(max(positions, 1))
  }
}
