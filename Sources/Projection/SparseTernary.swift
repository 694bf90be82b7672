public import Adapters
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
    /// Bits of positions and signs.
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
  public func cut(density: Double) -> Cut {
    let (a, bitsA) = SparseTernary.signs(update.loraA, orderA, density: density)
    let (b, bitsB) = SparseTernary.signs(update.loraB, orderB, density: density)
    let signs = LowRankUpdate(moduleName: update.moduleName, loraA: a, loraB: b, scaling: 1)
    let norm = signs.squaredNorm
    let scale = norm > 0 ? SparseTernary.innerProduct(update, signs) / norm : 0
    return Cut(update: SparseTernary.scaled(signs, by: scale), bits: bitsA + bitsB)
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

  private static func signs(
    _ factor: Matrix<Float>, _ order: [Int32], density: Double
  ) -> (Matrix<Float>, bits: Int) {
    let kept = order.prefix(Int((density * Double(order.count)).rounded())).sorted()
    var signs = Matrix<Float>(rows: factor.rows, columns: factor.columns)
    var gaps: [Int] = []
    var next = 0
    for index in kept.map({ Int($0) }) {
      signs.elements[index] = factor.elements[index] < 0 ? -1 : 1
      gaps.append(index - next)
      next = index + 1
    }
    return (signs, riceBits(gaps) + kept.count)
  }

  /// Bits of `gaps` in the Golomb-Rice code of the best parameter m: `(gap >> m) + 1 + m` each.
  private static func riceBits(_ gaps: [Int]) -> Int {
    (0..<20).map { m in gaps.reduce(0) { $0 + ($1 >> m) + 1 + m } }.min() ?? 0
  }
}
