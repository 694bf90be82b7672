public import Faults
import LinearAlgebra
public import Tensors

/// A second moment `S = RᵀR` by rows: what weighs errors is needed in products with thin matrices alone, which rows give
/// without `S` ever being formed.
public struct SecondMoment: Sendable {
  /// `R`, `[count, features]`.
  let rows: Matrix<Double>
  /// `tr S = ‖R‖²`.
  let trace: Double

  /// Features that it weighs.
  public var features: Int { rows.columns }

  /// `RᵀR` for `rows` `[count, features]`.
  public init(rows: Matrix<Float>) { self.init(rows.inDouble) }

  private init(_ rows: Matrix<Double>) {
    self.rows = rows
    trace = rows.squaredNorm
  }

  /// A moment given as a whole, `[features, features]`, symmetric and without negative eigenvalues but for rounding.
  ///
  /// - Throws: `PROJ-SHAPE` where it is not square; `NUM-SVD`, `NUM-ARGUMENT`.
  public init(_ matrix: Matrix<Float>) throws(Fault) {
    guard matrix.rows == matrix.columns else {
      throw Fault(
        .badData, "PROJ-SHAPE", "a second moment of \(matrix.rows)x\(matrix.columns) is not square")
    }
    let eigen = try SymmetricEigen(matrix.inDouble)
    var rows = eigen.vectors
    for (row, value) in eigen.values.enumerated() {
      let root = max(value, 0).squareRoot()
      for column in 0..<rows.columns { rows[row, column] *= root }
    }
    self.init(rows)
  }

  /// `S`, `[features, features]`.
  public var matrix: Matrix<Double> { rows.times(rows, transposeSelf: true) }
}
