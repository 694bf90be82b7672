/// Multiplications and additions of an iteration's products, by formula: what a machine's rate of products turns
/// into the least time it could take.
public struct ProductWork: Sendable, Hashable {
  /// In Float32.
  public var single = 0.0
  /// In Float64.
  public var double = 0.0
}
