import CLAPACKE
public import Faults
public import Tensors

/// Eigenvalues and eigenvectors of a symmetric matrix: `A = Σ λᵢ vᵢ vᵢᵀ`, largest eigenvalue first.
///
/// Postconditions: `vectors` has orthonormal rows to a few ulps times the size; the residual is a few
/// ulps of the largest |λ|. Signs and rotations inside equal eigenvalues are LAPACK's choice and
/// differ between machines: see `Bases` for the canonical ones.
public struct SymmetricEigen: Sendable {
  /// Eigenvalues, descending: all, or the leading ones that were asked for.
  public let values: [Double]
  /// Row `i` is the eigenvector of `values[i]`, `[values.count, size]`.
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

  /// The `count` largest eigenvalues of `matrix` `[size, size]` with their vectors, of which only the upper triangle is read.
  ///
  /// - Throws: `NUM-SVD` without convergence, `NUM-ARGUMENT` for a NaN.
  /// - Complexity: about 4/3·size³ + 2·size²·count multiply-adds (tridiagonalisation, relatively robust representations).
  public init(_ matrix: Matrix<Double>, leading count: Int) throws(Fault) {
    precondition(matrix.rows == matrix.columns, "a symmetric matrix is square")
    let size = matrix.rows
    let count = min(count, size)
    let order = try LAPACK.size(size)
    guard count > 0 else {
      (values, vectors) = ([], Matrix(rows: 0, columns: size))
      return
    }
    var ascending = [Double](repeating: 0, count: size)
    var columns = [Double](repeating: 0, count: size * count)
    var support = [Int32](repeating: 0, count: 2 * count)
    var content = matrix.elements
    var found: Int32 = 0
    // dsyevr: info as of dsyevd. The place of the first in ascending order counts from 1.
    let info = LAPACKE_dsyevr(
      LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "I")),
      CChar(UInt8(ascii: "L")), order, &content, order, 0, 0, order - Int32(count) + 1, order, 0,
      &found, &ascending, &columns, order, &support)
    try LAPACK.check(info, "dsyevr")
    guard found == Int32(count) else {
      throw Fault(.badData, "NUM-SVD", "dsyevr found \(found) of \(count) eigenvalues")
    }
    var rows = Matrix<Double>(rows: count, columns: size)
    for index in 0..<count {
      let source = count - 1 - index
      rows.elements.replaceSubrange(
        index * size..<(index + 1) * size, with: columns[source * size..<(source + 1) * size])
    }
    values = ascending.prefix(count).reversed()
    vectors = rows
  }

  /// `Σ f(λᵢ) vᵢ vᵢᵀ` of those that are known, `[size, size]`: a function of the symmetric matrix, such as an inverse square
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
