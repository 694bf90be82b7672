import CLAPACKE
public import Faults
public import Tensors

/// Eigenvalues and eigenvectors of a symmetric matrix: `A = Σ λᵢ vᵢ vᵢᵀ`, largest eigenvalue first.
///
/// Postconditions: `vectors` has orthonormal rows to a few ulps times the size; the residual is a few
/// ulps of the largest |λ|. Signs and rotations inside equal eigenvalues are LAPACK's choice and
/// differ between machines: see `Bases` for the canonical ones.
public struct SymmetricEigen: Sendable {
  /// Eigenvalues, descending.
  public let values: [Double]
  /// Row `i` is the eigenvector of `values[i]`, `[size, size]`.
  public let vectors: Matrix<Double>

  /// Decomposes `matrix` `[size, size]`, of which only the upper triangle is read.
  ///
  /// - Throws: `NUM-SVD` without convergence, `NUM-ARGUMENT` for a NaN.
  /// - Complexity: about 9·size³ multiply-adds (tridiagonalisation, divide and conquer).
  public init(_ matrix: Matrix<Double>) throws(Fault) {
    precondition(matrix.rows == matrix.columns, "a symmetric matrix is square")
    let size = matrix.rows
    let order = try LAPACK.size(size)
    var ascending = [Double](repeating: 0, count: size)
    var columns = matrix.elements
    var info: Int32 = 0
    if size > 0 {
      // dsyevd: info 0 done, < 0 bad argument, > 0 no convergence. The row-major upper triangle is
      // the column-major lower one.
      info = LAPACKE_dsyevd(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")), order, &columns,
        order, &ascending)
    }
    try LAPACK.check(info, "dsyevd")
    var rows = Matrix<Double>(rows: size, columns: size)
    for index in 0..<size {
      let source = size - 1 - index
      rows.elements.replaceSubrange(
        index * size..<(index + 1) * size, with: columns[source * size..<(source + 1) * size])
    }
    values = ascending.reversed()
    vectors = rows
  }

  /// `Σ f(λᵢ) vᵢ vᵢᵀ`, `[size, size]`: a function of the symmetric matrix, such as an inverse square
  /// root.
  public func map(_ function: (Double) -> Double) -> Matrix<Double> {
    var scaled = vectors
    for index in 0..<values.count {
      let factor = function(values[index])
      for column in 0..<scaled.columns {
        scaled.elements[index * scaled.columns + column] *= factor
      }
    }
    return vectors.times(scaled, transposeSelf: true)
  }
}
