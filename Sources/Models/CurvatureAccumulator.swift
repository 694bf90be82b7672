import Checkpoints
import Faults

/// What the backward pass of one batch adds to a ``CurvatureCollector``.
public struct CurvatureAccumulator: Sendable {
  private let collector: CurvatureCollector
  private let batch: Int

  init(_ collector: CurvatureCollector, batch: Int) {
    self.collector = collector
    self.batch = batch
  }

  /// See ``CurvatureCollector``.
  func add(
    _ layer: Int, _ kind: LinearKind, input: FloatBuffer, gradient: UnsafePointer<Float>,
    stride: Int
  ) throws(Fault) {
    try collector.add(
      layer, kind, batch: batch, input: input.pointer, gradient: gradient, stride: stride)
  }
}
