/// Rotary position embedding of one block's heads.
public struct Rotary: Sendable, Hashable {
  /// Pair i turns by position · theta^(−2i/dimensions).
  public var theta: Double
  /// How many of a head's first dimensions turn; even.
  ///
  /// Dimension i turns with i + dimensions/2.
  public var dimensions: Int
  /// How the frequencies differ from the plain ones.
  public var scaling: RotaryScaling

  /// A rotation from its parts.
  public init(theta: Double, dimensions: Int, scaling: RotaryScaling = RotaryScaling()) {
    self.theta = theta
    self.dimensions = dimensions
    self.scaling = scaling
  }
}
