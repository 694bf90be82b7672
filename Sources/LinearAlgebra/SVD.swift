import CLAPACKE
public import Faults
public import Tensors

/// The thin singular value decomposition `A = U Σ Vᵀ` by LAPACK's divide and conquer.
///
/// With `k = min(rows, columns)`. The most accurate route, and the slowest: `Bases` uses it where the
/// cheaper one fails its own test. Signs are LAPACK's choice.
public struct SVD: Sendable {
  /// Singular values, descending, `k` of them.
  public let values: [Double]
  /// `U`, orthonormal columns, `[rows, k]`.
  public let left: Matrix<Double>
  /// `Vᵀ`, orthonormal rows, `[k, columns]`.
  public let rightTransposed: Matrix<Double>

  /// Decomposes `matrix` `[rows, columns]`.
  ///
  /// - Throws: `NUM-SVD` without convergence, `NUM-ARGUMENT` for a NaN.
  public init(_ matrix: Matrix<Double>) throws(Fault) {
    let count = min(matrix.rows, matrix.columns)
    let rows = try LAPACK.size(matrix.rows)
    let columns = try LAPACK.size(matrix.columns)
    var work = matrix.elements
    var values = [Double](repeating: 0, count: count)
    var left = Matrix<Double>(rows: matrix.rows, columns: count)
    var right = Matrix<Double>(rows: count, columns: matrix.columns)
    var info: Int32 = 0
    if count > 0 {
      // dgesdd: info 0 done, < 0 bad argument, > 0 no convergence. Read column-major the input is
      // Aᵀ = V Σ Uᵀ, so LAPACK's left factor is V and its right one Uᵀ.
      info = LAPACKE_dgesdd(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "S")), columns, rows, &work, columns, &values,
        &right.elements, columns, &left.elements, Int32(count))
    }
    try LAPACK.check(info, "dgesdd")
    self.values = values
    self.left = left
    self.rightTransposed = right
  }
}
