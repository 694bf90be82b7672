/// A normalisation of the residual stream or of heads.
public struct Norm: Sendable, Hashable {
  /// What is divided by.
  public enum Kind: Sendable, Hashable {
    /// x / √(mean(x²) + ε).
    case rms
    /// (x − mean(x)) / √(var(x) + ε).
    case layer
  }

  /// What is divided by.
  public var kind: Kind
  /// The ε inside the root.
  public var epsilon: Double
  /// Added to the stored weight: 1 where the file holds the difference from one.
  public var offset: Float
  /// Whether a bias is added behind the weight.
  public var hasBias: Bool

  /// A norm from its parts.
  public init(_ kind: Kind, epsilon: Double, offset: Float = 0, hasBias: Bool = false) {
    self.kind = kind
    self.epsilon = epsilon
    self.offset = offset
    self.hasBias = hasBias
  }
}
