import CLAPACKE
public import Tensors

/// A sum of outer products `Σ x·xᵀ` in Float32, half of it: LAPACK's rectangular full packed form, which keeps `n(n+1)/2`
/// numbers and the speed of general products. (Gustavson, Waśniewski, Dongarra, Langou 2010.)
public struct SymmetricSum: Sendable {
  /// Rows and columns.
  public let size: Int
  private var elements: [Float]

  private static let plain = CChar(UInt8(ascii: "N"))
  /// Of the column-major matrix, so the upper triangle of the row-major one.
  private static let lower = CChar(UInt8(ascii: "L"))

  /// An empty sum.
  ///
  /// Precondition: LAPACK's 32 bits hold the number of elements, so `size` is at most 65,535.
  public init(size: Int) {
    precondition(size <= 65_535, "\(size) features")
    self.size = size
    elements = [Float](repeating: 0, count: size * (size + 1) / 2)
  }

  /// Bytes of a sum.
  public static func byteCount(size: Int) -> Int {
    size * (size + 1) / 2 * MemoryLayout<Float>.size
  }

  /// Adds `XᵀX` for `X` `[rows, size]`, whose rows lie `stride` apart.
  public mutating func add(_ x: UnsafePointer<Float>, rows: Int, stride: Int) {
    guard rows > 0, size > 0 else { return }
    OpenBLAS.onOneThread
    // Row-major `[rows, size]` is column-major `[size, rows]`. Only a bad argument fails, and there is none.
    _ = LAPACKE_ssfrk_work(
      LAPACK_COL_MAJOR, SymmetricSum.plain, SymmetricSum.lower, SymmetricSum.plain, Int32(size),
      Int32(rows), 1, x, Int32(stride), 1, &elements)
  }

  /// Adds another sum of the same size.
  public mutating func add(_ other: SymmetricSum) {
    precondition(size == other.size, "sums of \(size) and \(other.size) features")
    for index in elements.indices { elements[index] += other.elements[index] }
  }

  /// The whole matrix times `scale`, `[size, size]`.
  public func matrix(scale: Float) -> Matrix<Float> {
    var result = Matrix<Float>(rows: size, columns: size)
    guard size > 0 else { return result }
    _ = LAPACKE_stfttr_work(
      LAPACK_COL_MAJOR, SymmetricSum.plain, SymmetricSum.lower, Int32(size), elements,
      &result.elements, Int32(size))
    result.elements.withUnsafeMutableBufferPointer { elements in
      for row in 0..<size {
        for column in row..<size {
          let value = elements[row * size + column] * scale
          elements[row * size + column] = value
          elements[column * size + row] = value
        }
      }
    }
    return result
  }
}
