import LinearAlgebra

/// `A = SᵀS` of a weight (see ``WeightOperator``) in Float32, formed where its products repay that, and a count of what
/// they cost.
struct GramOperator {
  /// Features of the shorter side: `A` is `[size, size]`.
  let size: Int
  private let weight: WeightOperator
  /// `A` itself, where the products with it repay forming it.
  private let formed: [Float]?
  private let counter = OperationCounter()

  /// More vectors than this are multiplied more quickly by a general product.
  private static let thinLimit = 2 * ThinProducts.width

  /// Multiplications and additions of all products so far.
  var operations: Double { counter.operations }

  /// - Parameter vectors: How many vectors are expected to be multiplied, in all products together.
  init(_ weight: WeightOperator, vectors: Int) {
    self.weight = weight
    size = weight.short
    // In units of short·2 operations: twice through the weight, or forming A (its upper half) and once through it.
    let factored = vectors * 2 * weight.long
    let forming = weight.long * weight.short / 2 + vectors * weight.short
    formed = forming < factored ? weight.formed() : nil
    if formed != nil {
      counter.operations += Double(weight.long) * Double(weight.short * weight.short)
    }
  }

  /// `Y ← alpha · X·A + beta · Y`, both `[count, size]`.
  func apply(
    _ x: [Float], count: Int, alpha: Float = 1, beta: Float = 0, into y: inout [Float]
  ) {
    let isThin = count <= GramOperator.thinLimit
    guard let formed else {
      counter.operations += 4 * Double(count) * Double(weight.long * weight.short)
      if isThin {
        weight.applyThin(x, count: count, alpha: alpha, beta: beta, into: &y)
      } else {
        var images = [Float](repeating: 0, count: count * weight.long)
        weight.apply(x, count: count, alpha: alpha, beta: beta, images: &images, into: &y)
      }
      return
    }
    counter.operations += 2 * Double(count) * Double(size * size)
    if isThin {
      ThinProducts.add(
        symmetric: formed, size: size, x, count: count, alpha: alpha, beta: beta, into: &y)
      return
    }
    VectorRows(size: size, elements: x).multiply(
      by: formed, columns: size, alpha: alpha, beta: beta, into: &y)
  }
}

/// Counts what products cost, from functions that change nothing else.
private final class OperationCounter {
  var operations = 0.0
}
