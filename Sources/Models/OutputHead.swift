import Checkpoints
import Foundation
public import LinearAlgebra
public import Tensors
import Threads

/// The output head: logits, losses and their gradient, a few positions at a time.
///
/// Legend: `P` loss positions, `d` hidden size, `V` vocabulary, or the classes of a ``ClassHead`` where the model has one: classes
/// are tokens here. Logits exist for at most
/// ``chunkSize`` positions at once (`z = h·Eᵀ` `[P, V]`, with bias, divided and capped where the model does). The teacher is given by its final hidden states,
/// which with the same head define its logits exactly in `d` instead of `V` numbers a position. One head serves
/// one caller at a time: its buffers outlive a call.
public struct OutputHead {
  let weights: DecoderWeights
  /// The head for classes; nil where answers are tokens.
  let classes: ClassLayers?
  private let threads: Int
  private let precision: ProductPrecision
  private let keepsBackward: Bool
  private let chunkSize = 64
  let scratch = DecoderScratch()

  /// The head of `weights`.
  ///
  /// - Parameters:
  ///   - classes: A head for classes in the place of that of `weights`.
  ///   - keepsBackward: Whether backward products in Float32 lay it out for themselves.
  public init(
    weights: DecoderWeights, classes: ClassLayers? = nil, threads: Int,
    precision: ProductPrecision = .float32, keepsBackward: Bool = true
  ) {
    self.weights = weights
    self.classes = classes ?? weights.classes
    self.threads = threads
    self.precision = precision
    self.keepsBackward = keepsBackward
  }

  var hiddenSize: Int { weights.configuration.hiddenSize }
  /// Tokens, or classes.
  var vocabulary: Int { classes?.head.count ?? weights.configuration.vocabularySize }

  /// The matrix whose rows are tokens; rows of data that a model without one cannot answer are refused before it runs.
  var tokens: FrozenMatrix {
    guard let head = weights.head else { preconditionFailure("the model has no output head") }
    return head
  }

  /// Logits of every position, `[P, V]`; for checks and decoding, not for training.
  public func logits(_ hidden: Matrix<Float>) -> Matrix<Float> {
    var result = Matrix<Float>(rows: hidden.rows, columns: vocabulary)
    result.elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      withThreads(threads) {
        let pooled = scratch.buffer(.pooled, count: pooledCount(hidden.rows))
        product(
          hidden, of: weights, classes, rows: 0..<hidden.rows, pooled: pooled, into: target)
      }
    }
    return result
  }

  /// Logits of a few candidate tokens for one hidden state `[1, d]`; with a shared normaliser they rank as
  /// log-likelihoods do.
  public func candidateLogits(_ hidden: Matrix<Float>, candidates: [Int32]) -> [Double] {
    if classes != nil {
      let logits = logits(hidden)
      return candidates.map { Double(logits[0, Int($0)]) }
    }
    let weight = FloatBuffer(count: hiddenSize)
    return hidden.elements.withUnsafeBufferPointer { row in
      guard let row = row.baseAddress else { return [] }
      return candidates.map { token in
        copyRow(Int(token), to: weight.pointer)
        var logit = dot(row, weight.pointer, count: hiddenSize)
        if let bias = weights.headBias { logit += bias.pointer[Int(token)] }
        logit /= Float(weights.configuration.logitDivisor)
        if let cap { SoftCap.forward(&logit, count: 1, cap: cap) }
        return Double(logit)
      }
    }
  }

  /// The row of a token as products in the head's precision multiply with it.
  private func copyRow(_ token: Int, to target: UnsafeMutablePointer<Float>) {
    guard precision == .float32 else { return tokens.copyRoundedRow(token, to: target) }
    guard tokens.copyRow(token, to: target) else { preconditionFailure("no pass has come before") }
  }

  /// Logits `[rows, V]` of some positions by the head of `weights`, or by `classes` where that is given, which keeps in `pooled`
  /// what its backward pass needs.
  private func product(
    _ hidden: Matrix<Float>, of weights: DecoderWeights, _ classes: ClassLayers?, rows: Range<Int>,
    pooled: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>
  ) {
    hidden.elements.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      if let classes {
        return classes.forward(
          source + rows.lowerBound * hiddenSize, rows: rows.count, pooled: pooled, into: target)
      }
      multiply(
        weights.head ?? tokens, source + rows.lowerBound * hiddenSize, rows: rows.count,
        columns: hiddenSize,
        .forward,
        into: target, stride: vocabulary)
      finish(target, rows: rows.count)
    }
  }

  /// Numbers that a head with a dense layer keeps of `rows` states.
  func pooledCount(_ rows: Int) -> Int { classes?.pooledCount(rows) ?? 0 }

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

  var cap: Float? { weights.configuration.logitCap.map { Float($0) } }

  func multiply(
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

  func eachChunk(
    _ hidden: Matrix<Float>, teacher: Matrix<Float>?, teacherWeights: DecoderWeights? = nil,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
  ) {
    withThreads(threads) {
      runChunks(hidden, teacher: teacher, teacherWeights: teacherWeights, body)
    }
  }

  private func runChunks(
    _ hidden: Matrix<Float>, teacher: Matrix<Float>?, teacherWeights: DecoderWeights?,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
  ) {
    let size = min(chunkSize, hidden.rows) * vocabulary
    let student = scratch.buffer(.logits, count: size)
    let teacherLogits = teacher.map { _ in scratch.buffer(.teacherLogits, count: size) }
    let room = pooledCount(min(chunkSize, hidden.rows))
    let (pooled, teacherPooled) = (
      scratch.buffer(.pooled, count: room), scratch.buffer(.dPooled, count: room)
    )
    for start in stride(from: 0, to: hidden.rows, by: chunkSize) {
      let rows = start..<min(start + chunkSize, hidden.rows)
      product(hidden, of: weights, classes, rows: rows, pooled: pooled, into: student)
      if let cap {
        // The gradient will overwrite the logits that its last step depends on.
        let slopes = scratch.buffer(.logitSlopes, count: size)
        slopes.update(repeating: 1, count: rows.count * vocabulary)
        SoftCap.backward(student, count: rows.count * vocabulary, cap: cap, gradient: slopes)
      }
      if let teacher, let teacherLogits {
        product(
          teacher, of: teacherWeights ?? weights, teacherWeights?.classes ?? classes, rows: rows,
          pooled: teacherPooled, into: teacherLogits)
      }
      body(rows, student, teacherLogits)
    }
  }
}
