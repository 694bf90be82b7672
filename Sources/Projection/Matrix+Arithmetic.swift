public import Tensors

extension Matrix where Scalar == Double {
  /// `factor · self`.
  func scaled(by factor: Double) -> Matrix<Double> {
    var result = self
    for index in result.elements.indices { result.elements[index] *= factor }
    return result
  }

  /// `self + factor · other`.
  func adding(_ factor: Double, times other: Matrix<Double>) -> Matrix<Double> {
    precondition(rows == other.rows && columns == other.columns)
    var result = self
    for index in result.elements.indices {
      result.elements[index] += factor * other.elements[index]
    }
    return result
  }

  /// `Σ selfᵢⱼ otherᵢⱼ`.
  func innerProduct(_ other: Matrix<Double>) -> Double {
    precondition(rows == other.rows && columns == other.columns)
    return zip(elements, other.elements).reduce(into: 0) { $0 += $1.0 * $1.1 }
  }
}

extension Matrix where Scalar == Float {
  /// Columns of length 1 and their lengths; a column of zeros stays one.
  public var normalisedColumns: (columns: Matrix<Float>, norms: [Double]) {
    var result = self
    let norms = (0..<columns).map { column in
      (0..<rows).reduce(0.0) { $0 + Double(self[$1, column]) * Double(self[$1, column]) }
        .squareRoot()
    }
    for column in 0..<columns where norms[column] > 0 {
      for row in 0..<rows {
        result[row, column] = Float(Double(self[row, column]) / norms[column])
      }
    }
    return (result, norms)
  }
}
