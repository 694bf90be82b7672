import Checkpoints
import Foundation
public import LinearAlgebra
public import Tensors
import Threads

/// The output head: logits, losses and their gradient, a few positions at a time.
///
/// Legend: `P` loss positions, `d` hidden size, `V` vocabulary. Logits exist for at most
/// ``chunkSize`` positions at once (`z = h·Eᵀ` `[P, V]`, with bias, divided and capped where the model does). The teacher is given by its final hidden states,
/// which with the same head define its logits exactly in `d` instead of `V` numbers a position. One head serves
/// one caller at a time: its buffers outlive a call.
public struct OutputHead {
  private let weights: DecoderWeights
  private let threads: Int
  private let precision: ProductPrecision
  private let keepsBackward: Bool
  private let chunkSize = 64
  private let scratch = DecoderScratch()

  /// The head of `weights`.
  ///
  /// - Parameter keepsBackward: Whether backward products in Float32 lay it out for themselves.
  public init(
    weights: DecoderWeights, threads: Int, precision: ProductPrecision = .float32,
    keepsBackward: Bool = true
  ) {
    self.weights = weights
    self.threads = threads
    self.precision = precision
    self.keepsBackward = keepsBackward
  }

  private var hiddenSize: Int { weights.configuration.hiddenSize }
  var vocabulary: Int { weights.configuration.vocabularySize }

  /// Logits of every position, `[P, V]`; for checks and decoding, not for training.
  public func logits(_ hidden: Matrix<Float>) -> Matrix<Float> {
    var result = Matrix<Float>(rows: hidden.rows, columns: vocabulary)
    result.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      withThreads(threads) {
        product(hidden, by: weights.head, rows: 0..<hidden.rows, into: target)
      }
    }
    return result
  }

  /// Logits of a few candidate tokens for one hidden state `[1, d]`; with a shared normaliser they rank as
  /// log-likelihoods do.
  public func candidateLogits(_ hidden: Matrix<Float>, candidates: [Int32]) -> [Double] {
    let weight = FloatBuffer(count: hiddenSize)
    return hidden.elements.withUnsafeBufferPointer { row in
      guard let row = row.baseAddress else { return [] }
      return candidates.map { token in
        weights.head.copyRow(Int(token), to: weight.pointer)
        var logit = dot(row, weight.pointer, count: hiddenSize)
        if let bias = weights.headBias { logit += bias.pointer[Int(token)] }
        logit /= Float(weights.configuration.logitDivisor)
        if let cap { SoftCap.forward(&logit, count: 1, cap: cap) }
        return Double(logit)
      }
    }
  }

  private func product(
    _ hidden: Matrix<Float>, by head: FrozenMatrix, rows: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) {
    hidden.elements.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      multiply(
        head, source + rows.lowerBound * hiddenSize, rows: rows.count, columns: hiddenSize,
        .forward,
        into: target, stride: vocabulary)
      finish(target, rows: rows.count)
    }
  }

  /// What follows the product: bias, divisor and cap.
  private func finish(_ logits: UnsafeMutablePointer<Float>, rows: Int) {
    let count = vocabulary
    if let bias = weights.headBias {
      for row in 0..<rows {
        for index in 0..<count { logits[row * count + index] += bias.pointer[index] }
      }
    }
    let divisor = Float(weights.configuration.logitDivisor)
    if divisor != 1 { for index in 0..<rows * count { logits[index] /= divisor } }
    if let cap { SoftCap.forward(logits, count: rows * count, cap: cap) }
  }

  private var cap: Float? { weights.configuration.logitCap.map { Float($0) } }

  private func multiply(
    _ head: FrozenMatrix, _ x: UnsafePointer<Float>, rows: Int, columns: Int,
    _ order: FrozenMatrix.Order,
    into target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    guard precision == .bfloat16 else {
      head.multiply(
        ActivationRows(x, stride: columns), count: rows, order, into: target, stride: stride,
        keepsLayout: keepsBackward && weights.holds(.float32))
      return
    }
    let memory = scratch.halves(
      .rounded, count: ActivationRows.roundedCount(rows: rows, columns: columns))
    head.multiply(
      ActivationRows(x, rows: rows, columns: columns, stride: columns, roundedInto: memory),
      count: rows, order, into: target, stride: stride)
  }

  /// Per-position measurements against targets and, if given, a teacher.
  public struct Scores: Sendable {
    /// `−ln p(target)`, natural logarithm over the full vocabulary, `[P]`.
    public var negativeLogLikelihoods: [Double] = []
    /// The most likely token, the lowest index on ties, `[P]`.
    public var predictions: [Int32] = []
    /// `KL(teacher ‖ student)`, `[P]`; empty without a teacher.
    public var divergences: [Double] = []
    /// The teacher's most likely token, `[P]`; empty without a teacher.
    public var teacherPredictions: [Int32] = []
  }

  /// Scores `hidden` `[P, d]` against `targets` `[P]` and the teacher's hidden states `[P, d]`.
  ///
  /// - Parameter teacherWeights: The teacher's, where its head is not this one.
  public func scores(
    _ hidden: Matrix<Float>, targets: [Int32], teacher: Matrix<Float>? = nil,
    teacherWeights: DecoderWeights? = nil
  ) -> Scores {
    var scores = Scores()
    let vocabulary = self.vocabulary
    eachChunk(hidden, teacher: teacher, teacherHead: teacherWeights?.head) {
      rows, student, teacherLogits in
      var measured = [PositionScore](repeating: PositionScore(), count: rows.count)
      measured.withUnsafeMutableBufferPointer { measured in
        shareOut(rows.count, grain: 1, over: (student, teacherLogits, measured)) { range, memory in
          let (student, teacherLogits, measured) = memory
          for local in range {
            measured[local] = PositionScore(
              student + local * vocabulary, target: Int(targets[rows.lowerBound + local]),
              teacher: teacherLogits.map { $0 + local * vocabulary }, vocabulary: vocabulary)
          }
        }
      }
      for position in measured {
        scores.negativeLogLikelihoods.append(position.negativeLogLikelihood)
        scores.predictions.append(position.prediction)
        guard teacherLogits != nil else { continue }
        scores.divergences.append(position.divergence)
        scores.teacherPredictions.append(position.teacherPrediction)
      }
    }
    return scores
  }

  /// What a step minimises: `crossEntropy·mean(−ln p(target)) + distillation·mean(KL(teacher ‖ student))`.
  public struct Objective: Sendable, Hashable {
    /// Weight of the cross-entropy with the targets.
    public var crossEntropy: Double
    /// Weight of the divergence from the teacher.
    public var distillation: Double

    /// A mix of the two losses.
    public init(crossEntropy: Double, distillation: Double) {
      self.crossEntropy = crossEntropy
      self.distillation = distillation
    }
  }

  /// The loss and its gradient with respect to `hidden`, `[P, d]`; both are means over the positions.
  ///
  /// `∂L/∂z = (crossEntropy·(p − onehot) + distillation·(p − p_teacher)) / P`, `∂L/∂h = ∂L/∂z · E`.
  public func loss(
    _ hidden: Matrix<Float>, targets: [Int32], teacher: Matrix<Float>?, objective: Objective
  ) -> (value: Double, gradient: Matrix<Float>) {
    var total = 0.0
    var gradient = Matrix<Float>(rows: hidden.rows, columns: hiddenSize)
    let scale = 1 / Double(max(hidden.rows, 1))
    let vocabulary = self.vocabulary
    eachChunk(hidden, teacher: objective.distillation == 0 ? nil : teacher) {
      rows, student, teacherLogits in
      var losses = [Double](repeating: 0, count: rows.count)
      losses.withUnsafeMutableBufferPointer { losses in
        shareOut(rows.count, grain: 1, over: (student, teacherLogits, losses)) { range, memory in
          let (student, teacherLogits, losses) = memory
          for local in range {
            losses[local] = LogitRow.gradient(
              student + local * vocabulary, teacher: teacherLogits.map { $0 + local * vocabulary },
              target: Int(targets[rows.lowerBound + local]), objective: objective, scale: scale,
              count: vocabulary)
          }
        }
      }
      total += losses.reduce(0, +)
      backproject(student, rows: rows, into: &gradient)
    }
    return (total * scale, gradient)
  }

  /// The gradient of `−ln p(y)` with `y` drawn from the model's own distribution at every position, `[P, d]`:
  /// the sampled Fisher of METHOD §3.
  public func sampledGradient(
    _ hidden: Matrix<Float>, generator: inout SeededGenerator
  ) -> Matrix<Float> {
    var gradient = Matrix<Float>(rows: hidden.rows, columns: hiddenSize)
    let vocabulary = self.vocabulary
    let uniforms = (0..<hidden.rows).map { _ in generator.uniform() }
    eachChunk(hidden, teacher: nil) { rows, student, _ in
      shareOut(rows.count, grain: 1, over: student) { range, student in
        for local in range {
          let row = student + local * vocabulary
          let target = LogitRow(row, count: vocabulary).sample(
            row, count: vocabulary, at: uniforms[rows.lowerBound + local])
          _ = LogitRow.gradient(
            row, teacher: nil, target: target,
            objective: Objective(crossEntropy: 1, distillation: 0), scale: 1, count: vocabulary)
        }
      }
      backproject(student, rows: rows, into: &gradient)
    }
    return gradient
  }

  /// Writes `∂L/∂h` of `rows` for the gradient of their logits, which is spent.
  private func backproject(
    _ logitGradient: UnsafeMutablePointer<Float>, rows: Range<Int>,
    into gradient: inout Matrix<Float>
  ) {
    let count = rows.count * vocabulary
    if cap != nil {
      let slopes = scratch.buffer(.logitSlopes, count: count)
      for index in 0..<count { logitGradient[index] *= slopes[index] }
    }
    let divisor = Float(weights.configuration.logitDivisor)
    if divisor != 1 { for index in 0..<count { logitGradient[index] /= divisor } }
    gradient.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      multiply(
        weights.head, logitGradient, rows: rows.count, columns: vocabulary, .backward,
        into: target + rows.lowerBound * hiddenSize, stride: hiddenSize)
    }
  }

  func eachChunk(
    _ hidden: Matrix<Float>, teacher: Matrix<Float>?, teacherHead: FrozenMatrix? = nil,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
  ) {
    withThreads(threads) {
      runChunks(hidden, teacher: teacher, teacherHead: teacherHead, body)
    }
  }

  private func runChunks(
    _ hidden: Matrix<Float>, teacher: Matrix<Float>?, teacherHead: FrozenMatrix?,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
  ) {
    let size = min(chunkSize, hidden.rows) * vocabulary
    let student = scratch.buffer(.logits, count: size)
    let teacherLogits = teacher.map { _ in scratch.buffer(.teacherLogits, count: size) }
    for start in stride(from: 0, to: hidden.rows, by: chunkSize) {
      let rows = start..<min(start + chunkSize, hidden.rows)
      product(hidden, by: weights.head, rows: rows, into: student)
      if let cap {
        // The gradient will overwrite the logits that its last step depends on.
        let slopes = scratch.buffer(.logitSlopes, count: size)
        slopes.update(repeating: 1, count: rows.count * vocabulary)
        SoftCap.backward(student, count: rows.count * vocabulary, cap: cap, gradient: slopes)
      }
      if let teacher, let teacherLogits {
        product(teacher, by: teacherHead ?? weights.head, rows: rows, into: teacherLogits)
      }
      body(rows, student, teacherLogits)
    }
  }
}
