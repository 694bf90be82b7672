import Checkpoints

/// Collects ``CurvatureSums`` during backward passes.
public final class CurvatureAccumulator {
  /// What has been seen so far.
  public private(set) var sums = CurvatureSums()

  /// An empty accumulator.
  public init() {}

  func addTokens(_ count: Int) {
    sums.addTokens(count)
  }

  /// See ``CurvatureSums``.
  func add(
    _ layer: Int, _ kind: LinearKind, input: FloatBuffer, gradient: UnsafePointer<Float>,
    stride: Int, tokens: Int, _ configuration: DecoderConfiguration
  ) {
    sums.add(
      LinearModule(layer: layer, kind: kind, configuration: configuration), input: input.pointer,
      gradient: gradient, stride: stride, tokens: tokens)
  }
}
