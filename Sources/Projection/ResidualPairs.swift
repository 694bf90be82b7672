public import Tensors

/// Directions of the update itself that are stored beside those of the base: with `P = output` and `Q = input`
/// the update becomes `[U P] · M · [V Q]ᵀ`.
public struct ResidualPairs: Sendable, Hashable {
  /// `P`, `[outFeatures, count]`.
  public var output: CodedColumns
  /// `Q`, `[inFeatures, count]`.
  public var input: CodedColumns

  /// Number of pairs.
  public var count: Int { output.count }

  /// Pairs of as many columns on both sides.
  public init(output: CodedColumns, input: CodedColumns) {
    precondition(output.count == input.count)
    self.output = output
    self.input = input
  }
}
