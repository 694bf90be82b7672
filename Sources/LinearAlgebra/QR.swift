import CLAPACKE
public import Faults
public import Tensors

/// The thin factorisation `A = Q R` with a non-negative diagonal of `R`.
///
/// With that sign rule `Q` is a function of `A` alone when `A` has full column rank.
public struct QR: Sendable {
  /// `Q`, orthonormal columns, `[rows, columns]`.
  public let orthonormal: Matrix<Double>
  /// `R`, upper triangular, `[columns, columns]`.
  public let upperTriangular: Matrix<Double>

  /// Factors `matrix` `[rows, columns]`, `rows ≥ columns`.
  ///
  /// - Throws: `NUM-ARGUMENT` for a NaN.
  public init(_ matrix: Matrix<Double>) throws(Fault) {
    precondition(matrix.rows >= matrix.columns, "QR needs rows >= columns")
    let rows = try LAPACK.size(matrix.rows)
    let columns = try LAPACK.size(matrix.columns)
    let count = matrix.columns
    var factor = matrix
    var reflectors = [Double](repeating: 0, count: count)
    var triangle = Matrix<Double>(rows: count, columns: count)
    if count > 0 {
      // Read column-major the input is Aᵀ = L Qᵀ. dgelqf, dorglq: info 0 done, < 0 bad argument.
      try LAPACK.check(
        LAPACKE_dgelqf(
          LAPACK_COL_MAJOR, columns, rows, &factor.elements, columns, &reflectors), "dgelqf")
      for row in 0..<count {
        for column in row..<count { triangle[row, column] = factor[row, column] }
      }
      try LAPACK.check(
        LAPACKE_dorglq(
          LAPACK_COL_MAJOR, columns, rows, columns, &factor.elements, columns, &reflectors),
        "dorglq")
    }
    for index in 0..<count where triangle[index, index] < 0 {
      for column in index..<count { triangle[index, column].negate() }
      for row in 0..<matrix.rows { factor[row, index].negate() }
    }
    orthonormal = factor
    upperTriangular = triangle
  }
}
