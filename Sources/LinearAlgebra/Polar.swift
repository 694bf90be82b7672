public import Faults
public import Tensors

/// The orthogonal polar factor of a square matrix: `X = Q H` with `Q` orthogonal and `H` symmetric
/// positive semidefinite.
///
/// `Q` is the orthogonal matrix nearest to `X` and, for invertible `X`, a function of `X` alone:
/// `polar(P X) = P · polar(X)` for every orthogonal `P`. That makes it the tie-breaker of canonical
/// coordinates.
public struct Polar: Sendable {
  /// `Q`, `[size, size]`.
  public let orthogonal: Matrix<Double>
  /// The condition number of `X`; the error of `Q` grows with it.
  public let condition: Double

  /// Factors `matrix` `[size, size]`.
  ///
  /// - Throws: `NUM-SVD` without convergence; `NUM-POLAR` for a numerically singular matrix, whose
  ///   factor is not unique.
  public init(_ matrix: Matrix<Double>) throws(Fault) {
    precondition(matrix.rows == matrix.columns, "a polar factor needs a square matrix")
    let decomposition = try SVD(matrix)
    guard let largest = decomposition.values.first, let smallest = decomposition.values.last else {
      orthogonal = matrix
      condition = 1
      return
    }
    guard smallest > largest * 1e-12 else {
      throw Fault(
        .badData, "NUM-POLAR",
        "a \(matrix.rows)x\(matrix.rows) matrix is singular, its polar factor is not unique")
    }
    orthogonal = decomposition.left.times(decomposition.rightTransposed)
    condition = largest / smallest
  }
}
