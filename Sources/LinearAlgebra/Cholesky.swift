import CLAPACKE
public import Faults
public import Tensors

/// The factor of a symmetric positive definite matrix `A = L Lᵀ`, and solutions with it.
public struct Cholesky: Sendable {
  /// `Lᵀ` in the upper triangle, row-major, `[size, size]`; zero below.
  private let factor: Matrix<Double>

  /// Factors `matrix` `[size, size]`, of which only the upper triangle is read.
  ///
  /// - Throws: `NUM-DEFINITE` where the matrix is not positive definite, `NUM-ARGUMENT` for a NaN.
  public init(_ matrix: Matrix<Double>) throws(Fault) {
    precondition(matrix.rows == matrix.columns, "a symmetric matrix is square")
    let size = matrix.rows
    let order = try LAPACK.size(size)
    var work = matrix
    var info: Int32 = 0
    if size > 0 {
      // dpotrf: info 0 done, < 0 bad argument, > 0 the leading minor of that order is not positive.
      info = LAPACKE_dpotrf(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), order, &work.elements, order)
    }
    guard info <= 0 else {
      throw Fault(
        .badData, "NUM-DEFINITE",
        "a \(size)x\(size) matrix is not positive definite (leading minor \(info)); raise the ridge"
      )
    }
    try LAPACK.check(info, "dpotrf")
    for row in 1..<max(size, 1) {
      for column in 0..<row { work[row, column] = 0 }
    }
    factor = work
  }

  /// `L`, lower triangular, `[size, size]`.
  public var lowerTriangular: Matrix<Double> {
    var result = Matrix<Double>(rows: factor.rows, columns: factor.columns)
    for row in 0..<factor.rows {
      for column in 0...row { result[row, column] = factor[column, row] }
    }
    return result
  }

  /// `L⁻¹`, lower triangular, `[size, size]`.
  ///
  /// - Throws: `NUM-DEFINITE` where a pivot is zero.
  public func inverseFactor() throws(Fault) -> Matrix<Double> {
    let order = try LAPACK.size(factor.rows)
    var result = factor
    if factor.rows > 0 {
      // dtrtri: info 0 done, < 0 bad argument, > 0 a zero on the diagonal. Row-major Lᵀ is column-major L.
      let info = LAPACKE_dtrtri(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), CChar(UInt8(ascii: "N")), order,
        &result.elements, order)
      guard info <= 0 else {
        throw Fault(.badData, "NUM-DEFINITE", "a triangular factor is singular (pivot \(info))")
      }
      try LAPACK.check(info, "dtrtri")
    }
    return result.transposed
  }

  /// `B · A⁻¹` for `rows` = `B` `[count, size]`.
  public func dividing(rows: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    precondition(rows.columns == factor.rows, "\(rows.columns) columns for order \(factor.rows)")
    guard rows.rows > 0, rows.columns > 0 else { return rows }
    let order = try LAPACK.size(factor.rows)
    var result = rows
    // dpotrs: info 0 done, < 0 bad argument. Rows of B are columns for LAPACK.
    try LAPACK.check(
      LAPACKE_dpotrs(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), order, try LAPACK.size(rows.rows),
        factor.elements, order, &result.elements, order), "dpotrs")
    return result
  }

  /// `A⁻¹ · B` for `columns` = `B` `[size, count]`.
  public func solving(_ columns: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    try dividing(rows: columns.transposed).transposed
  }
}
