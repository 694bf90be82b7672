import Checkpoints
import Faults

/// What the backward passes of one batch add to a ``CurvatureCollector``: of the whole batch, or of its parts in the order of
/// their tokens.
///
/// The rows are the same: sums of tokens that lie in several parts wait here, in Float32, until the last part.
///
/// `@unchecked Sendable`: one caller uses it at a time.
public final class CurvatureAccumulator: @unchecked Sendable {
  private let collector: CurvatureCollector
  private let folding: RowFolding
  private let batch: Int
  /// Tokens of the batch that the running pass is of.
  private var tokens = 0..<0
  private var sums: [CurvatureRows.Side: FloatBuffer] = [:]

  init(_ collector: CurvatureCollector, folding: RowFolding, batch: Int) {
    self.collector = collector
    self.folding = folding
    self.batch = batch
  }

  /// Begins the batch again, where its parts go through block after block: nothing waits between two blocks.
  func restart() { tokens = 0..<0 }

  /// Begins the pass of the next `count` tokens of the batch.
  func begin(tokens count: Int) {
    tokens = tokens.upperBound..<tokens.upperBound + count
    precondition(
      tokens.upperBound <= folding.tokenCount(batch: batch), "more tokens than announced")
  }

  /// Adds the module's inputs `[tokens, in]`, unless another one has the same, and its output gradients `[tokens, out]`, which
  /// lie in rows of `stride`.
  ///
  /// - Parameter places: Which of the pass's tokens the module is given; nil for all.
  func add(
    _ layer: Int, _ kind: LinearKind, at places: ArraySlice<Int>? = nil,
    input: UnsafePointer<Float>, gradient: UnsafePointer<Float>, stride: Int
  ) throws(Fault) {
    let inputSide = CurvatureRows.Side(layer: layer, kind: kind, end: .input)
    if let width = collector.features[inputSide] {
      try add(inputSide, input, at: places, features: width, stride: width)
    }
    let outputSide = CurvatureRows.Side(layer: layer, kind: kind, end: .output)
    if let width = collector.features[outputSide] {
      try add(outputSide, gradient, at: places, features: width, stride: stride)
    }
  }

  private func add(
    _ side: CurvatureRows.Side, _ x: UnsafePointer<Float>, at places: ArraySlice<Int>?,
    features: Int, stride: Int
  ) throws(Fault) {
    let rows = folding.rows(batch: batch, of: tokens)
    let waiting = sums[side]
    let sum = waiting ?? FloatBuffer(uninitialized: rows.count * features)
    folding.add(
      x, at: places, of: tokens, batch: batch, features: features, stride: stride,
      begins: waiting == nil, to: sum.pointer)
    guard folding.isComplete(batch: batch, after: tokens) else {
      sums[side] = sum
      return
    }
    sums[side] = nil
    try collector.keep(
      side, firstRow: folding.firstRow(batch: batch) + rows.lowerBound,
      RowFolding.rounded(sum.pointer, count: rows.count * features), features: features)
  }
}
