/// Columns of a tall matrix as whole numbers in −127...127, each column scaled to length 1
/// (`formats/loraxs.md` §5.4).
///
/// How long a column is meant to be is left to the matrix that mixes the columns, so no scale is stored.
public struct CodedColumns: Sendable, Hashable {
  /// Numbers in a column.
  public let features: Int
  /// Number of columns.
  public let count: Int
  /// Column after column, `features · count` codes.
  public let codes: [Int8]

  /// Columns from their codes; `codes.count` must be `features · count`.
  public init(features: Int, count: Int, codes: [Int8]) {
    precondition(features >= 0 && count >= 0 && codes.count == features * count)
    self.features = features
    self.count = count
    self.codes = codes
  }

  /// The codes of one column, `features` of them.
  public func codes(ofColumn column: Int) -> ArraySlice<Int8> {
    codes[column * features..<(column + 1) * features]
  }

  /// `q / ‖q‖` for every column q, in Float64 and then rounded to Float32, `[features, count]`; a column of zeros
  /// stays one.
  public var matrix: Matrix<Float> {
    var result = Matrix<Float>(rows: features, columns: count)
    for column in 0..<count {
      let run = codes(ofColumn: column)
      let square = run.reduce(0) { $0 + Int($1) * Int($1) }
      guard square > 0 else { continue }
      let length = Double(square).squareRoot()
      for (row, code) in run.enumerated() { result[row, column] = Float(Double(code) / length) }
    }
    return result
  }
}
