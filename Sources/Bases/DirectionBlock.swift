import Faults
import LinearAlgebra
import Tensors

/// A block of approximate eigenvectors of a ``WeightOperator``, in one precision.
///
/// Rows are vectors, `[count, size]`. After ``rayleighRitz()`` they are orthonormal Ritz vectors by descending
/// Ritz value, and ``images`` holds `A` times each.
struct DirectionBlock<Scalar: BLASScalar> {
  let count: Int
  let size: Int
  private let weight: WeightOperator
  /// `A` itself, `[size, size]`, where the products with it repay forming it.
  private let formed: [Scalar]?
  /// The vectors.
  private(set) var vectors: [Scalar]
  /// `A` times each vector, where it is current.
  private(set) var images: [Scalar]
  /// Ritz values, descending: approximate eigenvalues of `A`, `σ²`.
  private(set) var values: [Double] = []
  private let counter = OperationCounter()

  /// Multiplications and additions of all products so far.
  var operations: Double { counter.operations }

  /// A block over start vectors `[count, size]`.
  ///
  /// - Parameter products: How many products with `A` are expected: decides whether `A` is formed.
  init(_ weight: WeightOperator, vectors: [Scalar], count: Int, products: Int) {
    self.weight = weight
    // In units of short·2 operations: twice through the weight, or forming A (its upper half) and once through it.
    let factored = products * count * 2 * weight.long
    let forming = weight.long * weight.short / 2 + products * count * weight.short
    formed = forming < factored ? weight.formed() : nil
    if formed != nil {
      counter.operations += Double(weight.long) * Double(weight.short * weight.short)
    }
    self.count = count
    size = weight.short
    self.vectors = vectors
    images = [Scalar](repeating: 0, count: vectors.count)
  }

  /// Replaces the vectors by their images: one power step.
  mutating func power() {
    apply(vectors, into: &images)
    swap(&vectors, &images)
  }

  /// Makes the rows orthonormal.
  ///
  /// `X ← L⁻¹ X` with `X Xᵀ = L Lᵀ`, or `X ← Λ^{−1/2} Eᵀ X` with `X Xᵀ = E Λ Eᵀ` where rounding has left that
  /// indefinite. Twice, because the first pass only conditions what was nearly dependent.
  mutating func orthonormalize() throws(Fault) {
    for _ in 0..<2 {
      normalizeRows()
      let gram = products(of: vectors, with: vectors)
      if let cholesky = try? Cholesky(gram), let inverse = try? cholesky.inverseFactor() {
        vectors = rotated(vectors, by: inverse)
        continue
      }
      let eigen = try SymmetricEigen(gram)
      // What falls below is rounding; the second pass gives it length one again.
      let floor = (eigen.values.first ?? 1) * Double(Scalar.ulpOfOne)
      var rotation = eigen.vectors
      for row in 0..<count {
        let scale = 1 / max(eigen.values[row], floor).squareRoot()
        for column in 0..<count { rotation[row, column] *= scale }
      }
      vectors = rotated(vectors, by: rotation)
    }
  }

  /// Ritz values and vectors of the span, which must be orthonormal, and the images of the vectors.
  mutating func rayleighRitz() throws(Fault) {
    apply(vectors, into: &images)
    let eigen = try SymmetricEigen(products(of: vectors, with: images))
    values = eigen.values
    vectors = rotated(vectors, by: eigen.vectors)
    images = rotated(images, by: eigen.vectors)
  }

  /// `‖A vᵢ − θᵢ vᵢ‖ / √θᵢ` of each Ritz pair: how far `Wᵀu` is from `σv` for `u = Wv/σ`.
  func residuals() -> [Double] {
    (0..<count).map { row in
      let theta = values[row]
      guard theta > 0 else { return .infinity }
      var sum = 0.0
      for index in row * size..<(row + 1) * size {
        let difference = Double(images[index]) - theta * Double(vectors[index])
        sum += difference * difference
      }
      return (sum / theta).squareRoot()
    }
  }

  /// Applies the Chebyshev polynomial of the given degree that is small on `[0, bound]` to all vectors.
  ///
  /// `T_d(x)`, `x = 2A/bound − 1`: grows like `cosh(d·acosh x)` above the bound and stays within ±1 below, so that
  /// the wanted directions gain on the others. Needs current images; leaves neither images nor Ritz values.
  mutating func filter(degree: Int, bound: Double) {
    let slope = Scalar(2 / bound)
    var previous = vectors
    // T₁ = 2A/bound − 1.
    for index in vectors.indices { vectors[index] = slope * images[index] - vectors[index] }
    for _ in 1..<max(degree, 1) {
      // T_{k+1} = 2(2A/bound − 1) T_k − T_{k−1}.
      for index in previous.indices { previous[index] = -previous[index] - 2 * vectors[index] }
      apply(vectors, alpha: 2 * slope, beta: 1, into: &previous)
      swap(&vectors, &previous)
    }
    normalizeRows()
  }

  /// Adds `rows` `[count, size]` to the vectors, each times its scale.
  mutating func add(_ rows: [Float], scales: [Double]) {
    for row in 0..<count {
      for index in row * size..<(row + 1) * size {
        vectors[index] += Scalar(Double(rows[index]) * scales[row])
      }
    }
  }

  /// `Y ← alpha · X·A + beta · Y` for any `X` `[count, size]`.
  func multiply(_ x: [Scalar], alpha: Scalar, beta: Scalar, into y: inout [Scalar]) {
    apply(x, alpha: alpha, beta: beta, into: &y)
  }

  /// The same block in another precision.
  func converted<Target: BLASScalar>(
    to type: Target.Type, products: Int
  ) -> DirectionBlock<Target> {
    DirectionBlock<Target>(
      weight, vectors: vectors.map { Target($0) }, count: count, products: products)
  }

  /// `Y ← alpha · X·A + beta · Y`.
  private func apply(
    _ x: [Scalar], alpha: Scalar = 1, beta: Scalar = 0, into y: inout [Scalar]
  ) {
    guard let formed else {
      weight.apply(x, count: count, alpha: alpha, beta: beta, into: &y)
      counter.operations += 4 * Double(count) * Double(weight.long * weight.short)
      return
    }
    gemm(
      transposeB: false, columns: size, inner: size, alpha: alpha, x, formed, beta: beta, into: &y)
  }

  // MARK: - Small products

  /// `X Yᵀ`, `[count, count]`.
  private func products(of x: [Scalar], with y: [Scalar]) -> Matrix<Double> {
    var result = [Scalar](repeating: 0, count: count * count)
    gemm(transposeB: true, columns: count, inner: size, x, y, into: &result)
    return Matrix(rows: count, columns: count, elements: result.map { Double($0) })
  }

  /// `R X`, `[count, size]`.
  private func rotated(_ x: [Scalar], by rotation: Matrix<Double>) -> [Scalar] {
    var result = [Scalar](repeating: 0, count: count * size)
    let factor = rotation.elements.map { Scalar($0) }
    gemm(transposeB: false, columns: size, inner: count, factor, x, into: &result)
    return result
  }

  private func gemm(
    transposeB: Bool, columns: Int, inner: Int, alpha: Scalar = 1, _ a: [Scalar], _ b: [Scalar],
    beta: Scalar = 0, into c: inout [Scalar]
  ) {
    counter.operations += 2 * Double(count) * Double(columns * inner)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          Scalar.gemm(
            transposeA: false, transposeB: transposeB, rows: count, columns: columns, inner: inner,
            alpha: alpha, a, strideA: inner, b, strideB: transposeB ? inner : columns, beta: beta,
            c,
            strideC: columns)
        }
      }
    }
  }

  private mutating func normalizeRows() {
    for row in 0..<count {
      var sum = 0.0
      for index in row * size..<(row + 1) * size {
        sum += Double(vectors[index]) * Double(vectors[index])
      }
      let scale = sum > 0 ? Scalar(1 / sum.squareRoot()) : 0
      for index in row * size..<(row + 1) * size { vectors[index] *= scale }
    }
  }
}

/// Counts what products of a block cost, from functions that change nothing else.
private final class OperationCounter {
  var operations = 0.0
}
