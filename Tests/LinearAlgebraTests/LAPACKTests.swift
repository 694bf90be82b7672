import Faults
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// The LAPACK wrappers by their defining properties; orientation errors fail the non-square cases.
@Suite struct LAPACKTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(rows: rows, columns: columns, elements: generator.normals(rows * columns))
  }

  private func gram(_ matrix: Matrix<Double>) -> Matrix<Double> {
    matrix.times(matrix, transposeSelf: true)
  }

  private func isIdentity(_ matrix: Matrix<Double>, tolerance: Double = 1e-12) -> Bool {
    relativeError(matrix.elements, Matrix<Double>.identity(matrix.rows).elements) < tolerance
  }

  private func scaled(rows matrix: Matrix<Double>, by factors: [Double]) -> Matrix<Double> {
    var result = matrix
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns { result[row, column] *= factors[row] }
    }
    return result
  }

  @Test(arguments: [1, 2, 5, 33])
  func eigenvectorsReconstructAndAreOrthonormal(size: Int) throws {
    let symmetric = gram(random(size + 3, size, seed: 11))
    let eigen = try SymmetricEigen(symmetric)
    #expect(zip(eigen.values, eigen.values.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(isIdentity(eigen.vectors.times(eigen.vectors, transposeOther: true)))
    #expect(relativeError(eigen.map { $0 }.elements, symmetric.elements) < 1e-12)
  }

  @Test func gramsAreUpperTrianglesOfTheProducts() {
    let matrix = random(7, 4, seed: 10)
    for (found, full) in [
      (matrix.gramOfColumns, gram(matrix)),
      (matrix.gramOfRows, matrix.times(matrix, transposeOther: true)),
    ] {
      #expect(found.rows == full.rows)
      for row in 0..<full.rows {
        for column in 0..<full.rows {
          #expect(abs(found[row, column] - (column >= row ? full[row, column] : 0)) < 1e-12)
        }
      }
    }
  }

  @Test func eigenReadsOnlyTheUpperTriangle() throws {
    let symmetric = gram(random(9, 6, seed: 12))
    var upper = symmetric
    for row in 0..<6 {
      for column in 0..<row { upper[row, column] = .nan }
    }
    // LAPACKE looks for NaN in the triangle it is told to read.
    let found = try SymmetricEigen(upper).values
    #expect(relativeError(found, try SymmetricEigen(symmetric).values) < 1e-13)
  }

  @Test func inverseSquareRootWhitens() throws {
    let symmetric = gram(random(12, 5, seed: 13))
    let root = try SymmetricEigen(symmetric).map { 1 / $0.squareRoot() }
    #expect(isIdentity(root.times(symmetric).times(root), tolerance: 1e-10))
  }

  @Test(arguments: [(1, 1), (4, 4), (7, 3), (3, 7), (40, 21)], [UInt64(1), 2])
  func singularValueDecomposition(shape: (rows: Int, columns: Int), seed: UInt64) throws {
    let matrix = random(shape.rows, shape.columns, seed: seed)
    let svd = try SVD(matrix)
    #expect(isIdentity(gram(svd.left)))
    #expect(isIdentity(svd.rightTransposed.times(svd.rightTransposed, transposeOther: true)))
    let product = svd.left.times(scaled(rows: svd.rightTransposed, by: svd.values))
    #expect(relativeError(product.elements, matrix.elements) < 1e-13)
    let eigen = try SymmetricEigen(gram(matrix))
    let squares = svd.values.map { $0 * $0 }
    #expect(relativeError(Array(eigen.values.prefix(squares.count)), squares) < 1e-12)
  }

  /// Eckart–Young: cutting at rank k leaves exactly the tail of the singular values.
  @Test func truncationLeavesTheTail() throws {
    let matrix = random(9, 6, seed: 14)
    let svd = try SVD(matrix)
    for rank in 0...6 {
      var residual = matrix
      for row in 0..<9 {
        for column in 0..<6 {
          for k in 0..<rank {
            residual[row, column] -=
              svd.left[row, k] * svd.values[k] * svd.rightTransposed[k, column]
          }
        }
      }
      let tail = svd.values.dropFirst(rank).reduce(0) { $0 + $1 * $1 }
      #expect(abs(residual.squaredNorm - tail) < 1e-11)
    }
  }

  @Test(arguments: [(1, 1), (5, 5), (8, 3)])
  func orthonormalFactor(shape: (rows: Int, columns: Int)) throws {
    let matrix = random(shape.rows, shape.columns, seed: 15)
    let qr = try QR(matrix)
    #expect(isIdentity(gram(qr.orthonormal)))
    let product = qr.orthonormal.times(qr.upperTriangular)
    #expect(relativeError(product.elements, matrix.elements) < 1e-13)
    for row in 0..<shape.columns {
      #expect(qr.upperTriangular[row, row] >= 0)
      for column in 0..<row { #expect(qr.upperTriangular[row, column] == 0) }
    }
  }

  @Test func choleskySolvesBothSides() throws {
    let matrix = gram(random(11, 6, seed: 16))
    let cholesky = try Cholesky(matrix)
    let lower = cholesky.lowerTriangular
    let product = lower.times(lower, transposeOther: true)
    #expect(relativeError(product.elements, matrix.elements) < 1e-13)
    let right = random(6, 3, seed: 17)
    let solution = try cholesky.solving(right)
    #expect(relativeError(matrix.times(solution).elements, right.elements) < 1e-11)
    let left = random(4, 6, seed: 18)
    let quotient = try cholesky.dividing(rows: left)
    #expect(relativeError(quotient.times(matrix).elements, left.elements) < 1e-11)
  }

  @Test func polarFactorIsTheEquivariantNearestRotation() throws {
    let matrix = random(6, 6, seed: 19)
    let polar = try Polar(matrix)
    #expect(isIdentity(gram(polar.orthogonal)))
    // H = Qᵀ X is symmetric positive semidefinite.
    let stretch = polar.orthogonal.times(matrix, transposeSelf: true)
    #expect(relativeError(stretch.elements, stretch.transposed.elements) < 1e-12)
    #expect(try SymmetricEigen(stretch).values.allSatisfy { $0 > 0 })
    let rotation = try QR(random(6, 6, seed: 20)).orthonormal
    let moved = try Polar(rotation.times(matrix)).orthogonal
    #expect(relativeError(moved.elements, rotation.times(polar.orthogonal).elements) < 1e-11)
    #expect(polar.condition >= 1)
  }

  @Test func damageIsAFaultNotATrap() {
    var broken = random(4, 4, seed: 21)
    broken[1, 2] = .nan
    #expect(throws: Fault.self) { try SVD(broken) }
    #expect(throws: Fault.self) { try SymmetricEigen(broken) }
    #expect(throws: Fault.self) { try QR(broken) }
    #expect(throws: Fault.self) { try Cholesky(broken) }
    #expect(throws: Fault.self) { try Polar(Matrix(rows: 3, columns: 3)) }
    var indefinite = Matrix<Double>.identity(3)
    indefinite[2, 2] = -1
    #expect { try Cholesky(indefinite) } throws: {
      ($0 as? Fault)?.code == "NUM-DEFINITE"
    }
  }
}
