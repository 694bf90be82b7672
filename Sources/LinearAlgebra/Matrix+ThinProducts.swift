import CKernels
public import Tensors

extension Matrix where Scalar == Float {
  /// `self · op(other)` `[rows, columns of op(other)]` in Float32, sixteen columns at a time.
  ///
  /// For a factor of a few tens of columns: nothing of `self` is packed. Every number is summed in one order that
  /// depends neither on threads nor on what else is multiplied. Inner dimensions must agree (a programmer's error
  /// otherwise).
  public func thinTimes(_ other: Matrix<Float>, transposeOther: Bool = false) -> Matrix<Float> {
    let (inner, outer) =
      transposeOther ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(columns == inner, "inner dimensions \(columns) and \(inner)")
    let width = ThinProducts.width
    var result = Matrix(rows: rows, columns: outer)
    guard rows > 0, inner > 0 else { return result }
    if outer == width {
      result.elements.withUnsafeMutableBufferPointer { images in
        multiply(
          transposeOther ? other.sideBySide(0..<width, isTransposed: true) : other.elements,
          into: images)
      }
      return result
    }
    var images = [Float](repeating: 0, count: rows * width)
    for first in stride(from: 0, to: outer, by: width) {
      let present = min(width, outer - first)
      let packed = other.sideBySide(first..<first + present, isTransposed: transposeOther)
      images.withUnsafeMutableBufferPointer { images in
        multiply(packed, into: images)
        result.elements.withUnsafeMutableBufferPointer { result in
          for row in 0..<rows {
            for column in 0..<present {
              result[row * outer + first + column] = images[row * width + column]
            }
          }
        }
      }
    }
    return result
  }

  /// `xᵢᵀyᵢ` of every row of two matrices of one shape, in Float32 and in one order of sums.
  public func rowProducts(with other: Matrix<Float>) -> [Float] {
    precondition(rows == other.rows && columns == other.columns)
    return [Float](unsafeUninitializedCapacity: rows) { products, initialized in
      elements.withUnsafeBufferPointer { x in
        other.elements.withUnsafeBufferPointer { y in
          row_products(rows, columns, x.baseAddress, y.baseAddress, products.baseAddress)
        }
      }
      initialized = rows
    }
  }

  /// The named columns, or where `isTransposed` rows, as sixteen side by side, `[inner, 16]`; zeros behind the last.
  private func sideBySide(_ vectors: Range<Int>, isTransposed: Bool) -> [Float] {
    let width = ThinProducts.width
    let inner = isTransposed ? columns : rows
    return [Float](unsafeUninitializedCapacity: inner * width) { packed, initialized in
      if vectors.count < width { packed.initialize(repeating: 0) }
      elements.withUnsafeBufferPointer { source in
        // A block of what is written stays in the first-level cache.
        for block in stride(from: 0, to: inner, by: 256) {
          for (column, vector) in vectors.enumerated() {
            let (start, step) = isTransposed ? (vector * columns, 1) : (vector, columns)
            for index in block..<min(block + 256, inner) {
              packed[index * width + column] = source[start + index * step]
            }
          }
        }
      }
      initialized = inner * width
    }
  }

  /// `P = self · X` for `X` `[columns, 16]`.
  private func multiply(_ x: [Float], into images: UnsafeMutableBufferPointer<Float>) {
    elements.withUnsafeBufferPointer { w in
      x.withUnsafeBufferPointer { x in
        thin_images(rows, columns, w.baseAddress, columns, x.baseAddress, images.baseAddress)
      }
    }
  }
}
