public import Faults
public import Tensors

/// What is stored of a module besides the latent in directions of the base: vectors P and Q of the adapter itself, and
/// the rows of M that belong to P (`formats/loraxs.md` §1.4).
public struct StoredResidual: Sendable, Hashable {
  /// `P`, `[outFeatures, count]`.
  public let output: CodedColumns
  /// `Q`, `[inFeatures, count]`.
  public let input: CodedColumns
  /// The rows of M that belong to P, rounded to F16, row-major, `[count, columns + count]`.
  public let rows: [Float]

  /// Number of pairs.
  public var count: Int { output.count }

  init(output: CodedColumns, input: CodedColumns, stored rows: [Float]) {
    self.output = output
    self.input = input
    self.rows = rows
  }

  /// Stores pairs and rows, which are rounded.
  ///
  /// - Throws: 65 `VAL-RANGE` when a number is not finite or beyond F16.
  public init(
    output: CodedColumns, input: CodedColumns, rows: Matrix<Float>
  ) throws(Fault) {
    precondition(output.count == input.count && rows.rows == output.count)
    self.init(
      output: output, input: input,
      stored: try StoredLatent(rows, storage: .f16).values)
  }
}
