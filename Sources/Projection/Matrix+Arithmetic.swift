import Tensors

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
