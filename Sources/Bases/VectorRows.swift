import Faults
import LinearAlgebra
import Tensors
import Threads

/// Vectors as rows, `[count, size]`, in one precision, with the small products that keep them apart.
struct VectorRows<Scalar: BLASScalar> {
  private(set) var count: Int
  let size: Int
  var elements: [Scalar]

  /// Rows that hold `elements`, `[elements.count / size, size]`.
  init(size: Int, elements: [Scalar]) {
    self.size = size
    self.elements = elements
    count = elements.count / size
  }

  /// Rows of zeros.
  init(count: Int, size: Int) {
    self.init(size: size, elements: [Scalar](repeating: 0, count: count * size))
  }

  /// The same rows in another precision.
  func converted<Target: BLASScalar>(to type: Target.Type = Target.self) -> VectorRows<Target> {
    VectorRows<Target>(size: size, elements: elements.map { Target($0) })
  }

  /// Leaves the first `kept` rows.
  mutating func keep(_ kept: Int) {
    elements.removeLast((count - kept) * size)
    count = kept
  }

  /// Adds rows at the end.
  mutating func append(_ other: VectorRows) {
    elements += other.elements
    count += other.count
  }

  /// `X Yᵀ`, `[count, other.count]`.
  func products(with other: VectorRows) -> [Scalar] {
    var result = [Scalar](repeating: 0, count: count * other.count)
    multiply(by: other.elements, transposed: true, columns: other.count, into: &result)
    return result
  }

  /// `X Yᵀ` in Float64.
  func gram(with other: VectorRows) -> Matrix<Double> {
    Matrix(rows: count, columns: other.count, elements: products(with: other).map { Double($0) })
  }

  /// `X ← X − H·Y` for `H` `[count, other.count]`.
  mutating func subtract(_ factors: [Scalar], of other: VectorRows) {
    VectorRows(size: other.count, elements: factors).multiply(
      by: other.elements, columns: size, alpha: -1, beta: 1, into: &elements)
  }

  /// `R X`, `[rotation.rows, size]`.
  func rotated(by rotation: Matrix<Double>) -> VectorRows {
    var result = VectorRows(count: rotation.rows, size: size)
    VectorRows(
      size: count, elements: rotation.elements.map { Scalar($0) }
    ).multiply(by: elements, columns: size, into: &result.elements)
    return result
  }

  /// `C ← alpha · X·op(B) + beta · C`, `[count, columns]`, for `B` `[size, columns]` or, where transposed,
  /// `[columns, size]`: panels of columns are shared out.
  func multiply(
    by b: [Scalar], transposed: Bool = false, columns: Int, alpha: Scalar = 1, beta: Scalar = 0,
    into c: inout [Scalar]
  ) {
    elements.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          let (count, size) = (count, size)
          // As many panels as the columns say, whoever is there to share them: sums stay the same.
          let panels = max(1, min(columns / 256, count * size * columns / 4_000_000))
          shareOut(panels, grain: 1, over: (a, b, c)) { range, memory in
            let (a, b, c) = memory
            for panel in range {
              let (start, end) = (columns * panel / panels, columns * (panel + 1) / panels)
              Scalar.gemm(
                transposeA: false, transposeB: transposed, rows: count, columns: end - start,
                inner: size, alpha: alpha, a, strideA: size, b + start * (transposed ? size : 1),
                strideB: transposed ? size : columns, beta: beta, c + start, strideC: columns)
            }
          }
        }
      }
    }
  }

  /// Scales every row to length one; a row of zeros stays.
  private mutating func normalize() {
    for row in 0..<count {
      let range = row * size..<(row + 1) * size
      let sum = elements[range].reduce(0) { $0 + Double($1) * Double($1) }
      // In Float64: the inverse of a short length may be beyond Float32.
      let scale = sum > 0 ? 1 / sum.squareRoot() : 0
      for index in range { elements[index] = Scalar(Double(elements[index]) * scale) }
    }
  }

  /// Makes the rows orthonormal, to what one pass can do: twice is enough.
  ///
  /// `X ← L⁻¹ X` with `X Xᵀ = L Lᵀ`, or `X ← Λ^{−1/2} Eᵀ X` with `X Xᵀ = E Λ Eᵀ` where rounding has left that
  /// indefinite. Nothing but zeros stays as it is.
  mutating func orthonormalizeOnce() throws(Fault) {
    normalize()
    let gram = gram(with: self)
    if let cholesky = try? Cholesky(gram), let inverse = try? cholesky.inverseFactor() {
      self = rotated(by: inverse)
      return
    }
    let eigen = try SymmetricEigen(gram)
    guard let largest = eigen.values.first, largest > 0 else { return }
    // What falls below is rounding; a second pass gives it length one again.
    let floor = largest * Double(Scalar.ulpOfOne)
    var rotation = eigen.vectors
    for row in 0..<count {
      let scale = 1 / max(eigen.values[row], floor).squareRoot()
      for column in 0..<count { rotation[row, column] *= scale }
    }
    self = rotated(by: rotation)
  }
}

extension VectorRows<Double> {
  /// The first `count` rows.
  func matrix(_ count: Int) -> Matrix<Double> {
    Matrix(rows: count, columns: size, elements: Array(elements.prefix(count * size)))
  }
}
