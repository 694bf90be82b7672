public import Adapters
import Foundation
import LinearAlgebra
import Tensors

/// A LoRA of which only the signs of the largest entries of both factors are kept, and one scale a factor.
///
/// `B̃ = b·T(B)`, `Ã = a·T(A)` with `T(X)ᵢⱼ = sign(Xᵢⱼ)` for the share `density` of largest |Xᵢⱼ| of a factor and 0
/// elsewhere. Only the product `a·b` matters; it is the one of least `‖ΔW − B̃Ã‖`. Source: Yadav et al., "ComPEFT",
/// arXiv 2311.13171, which finds one scale by validation; ``scaled(_:by:)`` is for that.
public struct SparseTernary: Sendable {
  private let update: LowRankUpdate
  private let orderA: [Int32]
  private let orderB: [Int32]

  /// What is kept of a module, and what it costs.
  public struct Cut: Sendable {
    /// The update that a reader would see.
    public var update: LowRankUpdate
    /// Bits of positions, signs and magnitudes.
    public var bits: Int
  }

  /// Ranks the entries of `update`'s factors.
  public init(_ update: LowRankUpdate) {
    self.update = update
    orderA = SparseTernary.order(update.loraA.elements)
    orderB = SparseTernary.order(update.loraB.elements)
  }

  /// Indices by falling magnitude, the lowest first on ties.
  private static func order(_ values: [Float]) -> [Int32] {
    values.indices.map { Int32($0) }.sorted {
      (abs(values[Int($0)]), $1) > (abs(values[Int($1)]), $0)
    }
  }

  /// Keeps the share `density` in 0…1 of both factors.
  ///
  /// - Parameter largestCode: 1 for signs alone; else what is kept has a magnitude of 1…largestCode times a step, whose
  ///   bits are those of its entropy.
  public func cut(density: Double, largestCode: Int = 1) -> Cut {
    let a = SparseTernary.kept(update.loraA, orderA, density: density, largestCode: largestCode)
    let b = SparseTernary.kept(update.loraB, orderB, density: density, largestCode: largestCode)
    let codes = LowRankUpdate(
      moduleName: update.moduleName, loraA: a.codes, loraB: b.codes, scaling: 1)
    let norm = codes.squaredNorm
    let scale = norm > 0 ? SparseTernary.innerProduct(update, codes) / norm : 0
    return Cut(update: SparseTernary.scaled(codes, by: scale), bits: a.bits + b.bits)
  }

  /// `factor · ΔW`.
  public static func scaled(_ update: LowRankUpdate, by factor: Double) -> LowRankUpdate {
    LowRankUpdate(
      moduleName: update.moduleName, loraA: update.loraA, loraB: update.loraB,
      scaling: update.scaling * factor)
  }

  /// `Σ ΔWᵢⱼ ΔW'ᵢⱼ = s s' Σ (BᵀB')ᵢⱼ (AA'ᵀ)ᵢⱼ`.
  static func innerProduct(_ first: LowRankUpdate, _ second: LowRankUpdate) -> Double {
    let b = first.loraB.inDouble.times(second.loraB.inDouble, transposeSelf: true)
    let a = first.loraA.inDouble.times(second.loraA.inDouble, transposeOther: true)
    return first.scaling * second.scaling * b.innerProduct(a)
  }

  private static func kept(
    _ factor: Matrix<Float>, _ order: [Int32], density: Double, largestCode: Int
  ) -> (codes: Matrix<Float>, bits: Int) {
    let kept = order.prefix(Int((density * Double(order.count)).rounded())).sorted()
    var codes = Matrix<Float>(rows: factor.rows, columns: factor.columns)
    var gaps: [Int] = []
    var next = 0
    let step = bestStep(kept.map { abs(factor.elements[Int($0)]) }, largestCode: largestCode)
    var counts = [Int](repeating: 0, count: largestCode + 1)
    for index in kept.map({ Int($0) }) {
      let code = SparseTernary.code(abs(factor.elements[index]), step, largestCode)
      counts[code] += 1
      codes.elements[index] = factor.elements[index] < 0 ? -Float(code) : Float(code)
      gaps.append(index - next)
      next = index + 1
    }
    return (codes, riceBits(gaps) + kept.count + entropyBits(counts))
  }

  private static func code(_ magnitude: Float, _ step: Float, _ largestCode: Int) -> Int {
    guard largestCode > 1, step > 0 else { return 1 }
    return max(1, min(largestCode, Int((magnitude / step).rounded())))
  }

  /// The step of least squared error among those that cut off none to three quarters of the range.
  private static func bestStep(_ magnitudes: [Float], largestCode: Int) -> Float {
    guard largestCode > 1, let largest = magnitudes.max(), largest > 0 else { return 1 }
    var best = (error: Float.infinity, step: Float(1))
    for candidate in 8...32 {
      let step = largest * Float(candidate) / 32 / Float(largestCode)
      let error = magnitudes.reduce(Float(0)) { sum, magnitude in
        let difference = magnitude - step * Float(code(magnitude, step, largestCode))
        return sum + difference * difference
      }
      if error < best.error { best = (error, step) }
    }
    return best.step
  }

  /// `−Σ n log₂(n / Σn)`, rounded up.
  private static func entropyBits(_ counts: [Int]) -> Int {
    let total = Double(counts.reduce(0, +))
    let bits = counts.filter { $0 > 0 }.reduce(0.0) { $0 - Double($1) * log2(Double($1) / total) }
    return Int(bits.rounded(.up))
  }

  /// Bits of `gaps` in the Golomb-Rice code of the best parameter m: `(gap >> m) + 1 + m` each.
  private static func riceBits(_ gaps: [Int]) -> Int {
    (0..<20).map { m in gaps.reduce(0) { $0 + ($1 >> m) + 1 + m } }.min() ?? 0
  }
}
