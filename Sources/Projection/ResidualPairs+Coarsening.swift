import Tensors

extension ResidualPairs {
  /// The same pairs with the codes of `column` in a range smaller by one on both sides: fewer bytes, a larger error.
  ///
  /// A column has no scale of its own, so all its codes shrink alike. Codes of −1…1 stay as they are.
  public func coarsened(column: Int) -> ResidualPairs {
    ResidualPairs(
      output: ResidualPairs.coarsened(output, column), input: ResidualPairs.coarsened(input, column)
    )
  }

  private static func coarsened(_ columns: CodedColumns, _ column: Int) -> CodedColumns {
    let largest = columns.codes(ofColumn: column).reduce(0) { max($0, abs(Int($1))) }
    guard largest > 1 else { return columns }
    var codes = columns.codes
    let factor = Double(largest - 1) / Double(largest)
    for place in column * columns.features..<(column + 1) * columns.features {
      codes[place] = Int8((Double(codes[place]) * factor).rounded(.toNearestOrEven))
    }
    return CodedColumns(features: columns.features, count: columns.count, codes: codes)
  }
}
