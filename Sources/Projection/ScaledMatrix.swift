import LinearAlgebra
import Tensors

/// A matrix as a factor and values of moderate size: products in Float32 do not leave its range, whatever a file holds.
struct ScaledMatrix: Sendable {
  let values: Matrix<Float>
  let scale: Double

  /// `factor · matrix`, divided by a power of two so that the largest value is between 1 and 2.
  init(_ matrix: Matrix<Float>, factor: Double = 1) {
    let largest = matrix.elements.reduce(Float(0)) { max($0, abs($1)) }
    guard largest > 0, largest.isFinite else {
      (values, scale) = (matrix, factor)
      return
    }
    let unit = Double(largest.binade)
    var values = matrix
    // Through Float64: the inverse of a small power of two is beyond Float32.
    for index in values.elements.indices {
      values.elements[index] = Float(Double(values.elements[index]) / unit)
    }
    (self.values, scale) = (values, factor * unit)
  }

  private init(values: Matrix<Float>, scale: Double) { (self.values, self.scale) = (values, scale) }

  /// `rows · self` for a large left and a thin right factor.
  func image(under rows: Matrix<Float>) -> ScaledMatrix {
    ScaledMatrix(values: rows.thinTimes(values), scale: scale)
  }

  /// The matrix in Float64.
  var inDouble: Matrix<Double> { values.inDouble.scaled(by: scale) }

  /// `selfᵀ · self`.
  var gram: Matrix<Double> {
    values.exactTimes(values, transposeSelf: true).scaled(by: scale * scale)
  }
}
