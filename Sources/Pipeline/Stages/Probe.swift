import Bases
import LinearAlgebra
import Tensors

/// The scalars that prove a loader regenerated the same bases: `(W·z)ᵀ · U · M · Vᵀ · x` for fixed
/// pseudo-random `x`, `z` `[inFeatures]` (`formats/loraxs.md` §4.6).
///
/// Only the input side is drawn, so that the value does not depend on the order of W's rows.
enum Probe {
  /// Probes per module: one tells another basis apart, and each costs four bytes that do not compress.
  static let count = 1

  /// A loader accepts a probe within this share of its scale.
  static let tolerance = 1e-3

  /// A probe and the size of what it is a sum of.
  struct Value: Sendable {
    var value: Double
    var scale: Double
  }

  /// The probes of one module; `index` is its place among the artifact's modules.
  static func values(
    weight: Matrix<Float>, basis: ModuleBasis, latent: Matrix<Float>, index: Int
  ) -> [Value] {
    let w: Matrix<Double> = weight.converted()
    let u: Matrix<Double> = basis.outputBasis.converted()
    let v: Matrix<Double> = basis.inputBasis.converted()
    var generator = SeededGenerator(seed: 0x7072_6f62_65, stream: UInt64(index + 1))
    return (0..<count).map { _ in
      let x = Matrix<Double>(
        rows: weight.columns, columns: 1, elements: generator.normals(weight.columns))
      let z = Matrix<Double>(
        rows: weight.columns, columns: 1, elements: generator.normals(weight.columns))
      let left = u.times(w.times(z), transposeSelf: true)
      let right = v.times(x, transposeSelf: true)
      let value = left.times(latent.converted().times(right), transposeSelf: true)
      let scale = (left.squaredNorm * right.squaredNorm * latent.squaredNorm).squareRoot()
      return Value(value: value.elements.first ?? 0, scale: scale)
    }
  }
}
