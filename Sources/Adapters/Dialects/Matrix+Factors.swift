import Tensors

extension Matrix<Float> {
  /// The product `self · other`, each entry summed in Float64 and rounded once; `columns` must equal
  /// `other.rows`.
  func exactProduct(_ other: Matrix<Float>) -> Matrix<Float> {
    precondition(columns == other.rows)
    var result = Matrix<Float>(rows: rows, columns: other.columns)
    var sums = [Double](repeating: 0, count: other.columns)
    for row in 0..<rows {
      for column in sums.indices { sums[column] = 0 }
      for inner in 0..<columns {
        let factor = Double(self[row, inner])
        for column in sums.indices { sums[column] += factor * Double(other[inner, column]) }
      }
      for column in sums.indices { result[row, column] = Float(sums[column]) }
    }
    return result
  }

  /// The matrix as its product with the smaller identity.
  var identityFactors: (a: Matrix<Float>, b: Matrix<Float>) {
    columns <= rows ? (.identity(columns), self) : (self, .identity(rows))
  }

  /// Whether this is the identity.
  var isIdentity: Bool {
    guard rows == columns else { return false }
    for row in 0..<rows {
      for column in 0..<columns where self[row, column] != (row == column ? 1 : 0) { return false }
    }
    return true
  }

  /// Row by row Kronecker products (Khatri-Rao), `[rows, columns · other.columns]`: column
  /// `i · other.columns + j` is the elementwise product of column i and column j.
  func columnProducts(_ other: Matrix<Float>) -> Matrix<Float> {
    precondition(rows == other.rows)
    var result = Matrix<Float>(rows: rows, columns: columns * other.columns)
    for row in 0..<rows {
      for i in 0..<columns {
        for j in 0..<other.columns {
          result[row, i * other.columns + j] = self[row, i] * other[row, j]
        }
      }
    }
    return result
  }

  /// The Kronecker product, `[rows · other.rows, columns · other.columns]`.
  func kronecker(_ other: Matrix<Float>) -> Matrix<Float> {
    var result = Matrix<Float>(rows: rows * other.rows, columns: columns * other.columns)
    for i in 0..<rows {
      for j in 0..<columns {
        for k in 0..<other.rows {
          for l in 0..<other.columns {
            result[i * other.rows + k, j * other.columns + l] = self[i, j] * other[k, l]
          }
        }
      }
    }
    return result
  }
}
