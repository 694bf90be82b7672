import LinearAlgebra
public import Tensors

/// The scalars that prove a loader regenerated the same bases: `(W·z)ᵀ · U · M · Vᵀ · x` for fixed
/// pseudo-random `x`, `z` `[inFeatures]` (`formats/loraxs.md` §4.6).
///
/// Only the input side is drawn, so that the value does not depend on the order of W's rows.
public enum Probe {
  /// Probes per module: one tells another basis apart, and each costs two bytes that do not compress.
  public static let count = 1

  /// A loader accepts a probe within this share of its scale.
  public static let tolerance = 1e-3

  /// A probe and the size of what it is a sum of.
  public struct Value: Sendable {
    /// The probe.
    public var value: Double
    /// The product of the norms of what it is made of.
    public var scale: Double

    /// A value of a scale.
    public init(value: Double, scale: Double) {
      self.value = value
      self.scale = scale
    }

    /// The value as an artifact keeps it: a half where that is half of the tolerance away at most, as any half in its
    /// normal range is.
    public var stored: Float {
      let half = HalfPrecision.float(half: HalfPrecision.half(Float(value)))
      return abs(Double(half) - value) <= Probe.tolerance / 2 * scale ? half : Float(value)
    }
  }

  /// The draws of one module: what of a probe depends on the weight alone.
  public struct Draw: Sendable {
    /// `W·z` `[outFeatures, 1]`.
    public let image: Matrix<Double>
    /// `x` `[inFeatures, 1]`.
    public let direction: Matrix<Double>
  }

  /// The draws of one module; `index` is its place among the artifact's modules.
  public static func draws(weight: Matrix<Float>, index: Int) -> [Draw] {
    var generator = SeededGenerator(seed: 0x7072_6f62_65, stream: UInt64(index + 1))
    return (0..<count).map { _ in
      let x = generator.normals(weight.columns)
      let z = generator.normals(weight.columns)
      return Draw(
        image: Matrix(rows: weight.rows, columns: 1, elements: product(weight, z)),
        direction: Matrix(rows: weight.columns, columns: 1, elements: x))
    }
  }

  /// `W·z` in Float64, without a copy of W.
  private static func product(_ weight: Matrix<Float>, _ z: [Double]) -> [Double] {
    weight.elements.withUnsafeBufferPointer { w in
      z.withUnsafeBufferPointer { z in
        (0..<weight.rows).map { row in
          var sums = SIMD8<Double>.zero
          let start = row * weight.columns
          var column = 0
          while column + 8 <= weight.columns {
            for lane in 0..<8 {
              sums[lane] += Double(w[start + column + lane]) * z[column + lane]
            }
            column += 8
          }
          var sum = sums.sum()
          while column < weight.columns {
            sum += Double(w[start + column]) * z[column]
            column += 1
          }
          return sum
        }
      }
    }
  }

  /// What of a draw depends on the basis too: `Uᵀ·W·z` and `Vᵀ·x`.
  public struct Sides: Sendable {
    /// `Uᵀ·W·z` `[outputRank, 1]`.
    public let left: Matrix<Double>
    /// `Vᵀ·x` `[inputRank, 1]`.
    public let right: Matrix<Double>

    /// The sides of one module.
    public init(_ draw: Draw, basis: ModuleBasis) {
      left = basis.outputBasis.transposedTimes(draw.image)
      right = basis.inputBasis.transposedTimes(draw.direction)
    }
  }

  /// The probes of one module.
  public static func values(sides: [Sides], latent: Matrix<Float>) -> [Value] {
    let m = latent.inDouble
    return sides.map { sides in
      let value = sides.left.times(m.times(sides.right), transposeSelf: true)
      let scale =
        (sides.left.squaredNorm * sides.right.squaredNorm * m.squaredNorm).squareRoot()
      return Value(value: value.elements.first ?? 0, scale: scale)
    }
  }
}
