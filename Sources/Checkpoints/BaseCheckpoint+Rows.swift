public import Faults
public import Tensors

/// Weights some rows at a time, for those who lay them out anew: what is decoded is still in the cache then, and of the whole
/// there is no second copy.
extension BaseCheckpoint {
  /// Rows `rows` of a weight matrix, where its format has them without the others; of one matrix always or never.
  ///
  /// - Throws: as ``matrix(_:)``.
  public func rows(_ rows: Range<Int>, of name: String) throws(Fault) -> [Float]? {
    try checkpoint.floats(name, rows: rows)
  }

  /// Numbers of a piece, about: half a MiB.
  private static let pieceCount = 1 << 17
  /// Rows of a piece are a multiple of this, so that vectors of them are whole.
  private static let rowUnit = 16

  /// Gives all rows of a weight matrix in their order, with the number of the first of each piece: the values of
  /// ``matrix(_:)``.
  ///
  /// - Throws: as ``matrix(_:)``; what `take` throws.
  public func eachRows(
    of name: String, _ take: (_ first: Int, _ rows: Matrix<Float>) throws(Fault) -> Void
  ) throws(Fault) {
    let (rows, columns) = try matrixShape(name)
    let unit = BaseCheckpoint.rowUnit
    let piece = max(unit, BaseCheckpoint.pieceCount / max(columns, 1) / unit * unit)
    var first = 0
    while first < rows {
      let range = first..<min(first + piece, rows)
      guard let values = try checkpoint.floats(name, rows: range) else {
        return try take(first, try matrix(name))
      }
      try take(first, Matrix(rows: range.count, columns: columns, elements: values))
      first = range.upperBound
    }
  }
}
