import Adapters
import LinearAlgebra
import Projection
import Tensors

/// Random material for the tests of this target, from explicit seeds.
enum Samples {
  static func normal(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: generator.normals(rows * columns).map { Float($0) })
  }

  /// A second moment of correlated Gaussian samples, `[size, size]`.
  static func moment(_ size: Int, samples: Int, seed: UInt64) -> SecondMoment {
    let mix = normal(size, size, seed: seed + 1000).inDouble
    var x = normal(samples, size, seed: seed).inDouble.times(mix)
    for index in x.elements.indices { x.elements[index] /= Double(samples).squareRoot() }
    return SecondMoment(rows: x.inFloat)
  }

  /// The moment of what was never seen.
  static func zeroMoment(_ size: Int) -> SecondMoment {
    SecondMoment(rows: Matrix(rows: 1, columns: size))
  }

  /// A random update with scaling 0.75.
  static func update(
    outFeatures: Int, inFeatures: Int, rank: Int, seed: UInt64
  ) -> LowRankUpdate {
    LowRankUpdate(
      moduleName: "m", loraA: normal(rank, inFeatures, seed: seed),
      loraB: normal(outFeatures, rank, seed: seed + 7), scaling: 0.75)
  }

  /// `ΔW = s·B·A` in full, which the code under test never forms.
  static func delta(_ update: LowRankUpdate) -> Matrix<Double> {
    var result = update.loraB.inDouble.times(update.loraA.inDouble)
    for index in result.elements.indices { result.elements[index] *= update.scaling }
    return result
  }
}
