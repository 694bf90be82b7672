import LinearAlgebra
import Tensors

/// Random material for the tests of this target, from explicit seeds.
enum Samples {
  static func normal(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Float($0) })
  }

  /// A second moment of correlated Gaussian samples, `[size, size]`.
  static func moment(_ size: Int, samples: Int, seed: UInt64) -> Matrix<Float> {
    let mix = normal(size, size, seed: seed + 1000).inDouble
    let x = normal(samples, size, seed: seed).inDouble.times(mix)
    var result = x.times(x, transposeSelf: true)
    for index in result.elements.indices { result.elements[index] /= Double(samples) }
    return result.inFloat
  }
}
