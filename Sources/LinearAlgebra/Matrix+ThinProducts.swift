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
    let whole = outer == width && !transposeOther
    var result = Matrix(rows: rows, columns: outer)
    guard rows > 0, inner > 0 else { return result }
    var (packed, images): ([Float], [Float]) = ([], [])
    if !whole {
      packed = [Float](repeating: 0, count: inner * width)
      images = [Float](repeating: 0, count: rows * width)
    }
    for first in stride(from: 0, to: outer, by: width) {
      let present = min(width, outer - first)
      if whole {
        result.elements.withUnsafeMutableBufferPointer { images in
          multiply(other.elements, into: images)
        }
        continue
      }
      if present < width {
        for index in packed.indices { packed[index] = 0 }
      }
      other.elements.withUnsafeBufferPointer { source in
        packed.withUnsafeMutableBufferPointer { packed in
          for column in 0..<present {
            let (start, step) =
              transposeOther ? ((first + column) * inner, 1) : (first + column, outer)
            for index in 0..<inner { packed[index * width + column] = source[start + index * step] }
          }
        }
      }
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

  /// `P = self · X` for `X` `[columns, 16]`.
  private func multiply(_ x: [Float], into images: UnsafeMutableBufferPointer<Float>) {
    elements.withUnsafeBufferPointer { w in
      x.withUnsafeBufferPointer { x in
        thin_images(rows, columns, w.baseAddress, columns, x.baseAddress, images.baseAddress)
      }
    }
  }
}
