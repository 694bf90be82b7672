import Faults
import LinearAlgebra
import Tensors

/// A block of approximate eigenvectors of the operator `A = SᵀS` of a weight, in Float64.
///
/// Rows are vectors. After ``rayleighRitz()`` they are orthonormal Ritz vectors by descending Ritz value,
/// ``images`` holds `A` times each and ``longImages`` `S` times each.
struct DirectionBlock {
  /// The vectors, `[count, size]`.
  private(set) var vectors: VectorRows<Double>
  /// `A` times each vector, where it is current.
  private(set) var images: VectorRows<Double>
  /// `S` times each vector, `[count, long]`, where it is current.
  private(set) var longImages: VectorRows<Double>
  /// Ritz values, descending: approximate eigenvalues of `A`, `σ²`; those of pairs that were left follow.
  private(set) var values: [Double] = []
  /// Multiplications and additions of all products with the weight so far.
  private(set) var operations = 0.0
  private let weight: WeightOperator

  var count: Int { vectors.count }
  var size: Int { vectors.size }

  /// A block over start vectors.
  init(_ weight: WeightOperator, vectors: VectorRows<Double>) {
    self.weight = weight
    self.vectors = vectors
    images = VectorRows(count: vectors.count, size: vectors.size)
    longImages = VectorRows(count: vectors.count, size: weight.long)
  }

  /// Makes the vectors, which must nearly be so, orthonormal and takes the Ritz values and vectors of their span, with
  /// their images.
  mutating func rayleighRitz() throws(Fault) {
    try vectors.orthonormalizeOnce()
    weight.apply(
      vectors.elements, count: count, images: &longImages.elements, into: &images.elements)
    operations += 4 * Double(count) * Double(weight.long * weight.short)
    let eigen = try SymmetricEigen(vectors.gram(with: images))
    values.replaceSubrange(0..<min(count, values.count), with: eigen.values)
    vectors = vectors.rotated(by: eigen.vectors)
    images = images.rotated(by: eigen.vectors)
    longImages = longImages.rotated(by: eigen.vectors)
  }

  /// Goes on with the first `kept` Ritz pairs; the values of the others stay as they are.
  mutating func keep(_ kept: Int) {
    vectors.keep(kept)
    images.keep(kept)
    longImages.keep(kept)
  }

  /// `‖A vᵢ − θᵢ vᵢ‖ / √θᵢ` of each Ritz pair: how far `Wᵀu` is from `σv` for `u = Wv/σ`.
  func residuals() -> [Double] {
    (0..<count).map { row in
      let theta = values[row]
      guard theta > 0 else { return .infinity }
      var sum = 0.0
      for index in row * size..<(row + 1) * size {
        let difference = images.elements[index] - theta * vectors.elements[index]
        sum += difference * difference
      }
      return (sum / theta).squareRoot()
    }
  }

  /// Adds `rows` `[count, size]` to the vectors, each times its scale.
  mutating func add(_ rows: [Float], scales: [Double]) {
    for row in 0..<count {
      for index in row * size..<(row + 1) * size {
        vectors.elements[index] += Double(rows[index]) * scales[row]
      }
    }
  }
}
