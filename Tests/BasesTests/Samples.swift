import LinearAlgebra
import Tensors

/// Weights for the tests of this target, from explicit seeds.
enum Samples {
  /// Standard normal entries.
  static func weight(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Float($0) })
  }

  /// Random orthonormal columns.
  static func orthonormal(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    return try QR(
      Matrix(rows: rows, columns: columns, elements: generator.normals(rows * columns))
    ).orthonormal
  }

  /// A weight with the given singular values.
  static func weight(
    _ rows: Int, _ columns: Int, spectrum: [Double], seed: UInt64
  ) throws -> Matrix<Float> {
    var left = try orthonormal(rows, spectrum.count, seed: seed)
    for row in 0..<rows {
      for column in spectrum.indices { left[row, column] *= spectrum[column] }
    }
    let right = try orthonormal(columns, spectrum.count, seed: seed + 1)
    return left.times(right, transposeOther: true).inFloat
  }

  /// The largest entry of `|X Xᵀ − I|`.
  static func defect(ofRows rows: Matrix<Double>) -> Double {
    let gram = rows.times(rows, transposeOther: true)
    let identity = Matrix<Double>.identity(rows.rows)
    return zip(gram.elements, identity.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  /// The largest entry of `|XᵀX − I|`.
  static func defect(ofColumns columns: Matrix<Float>) -> Double {
    defect(ofRows: columns.inDouble.transposed)
  }
}
