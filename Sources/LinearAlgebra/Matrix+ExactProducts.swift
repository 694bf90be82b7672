import CKernels
public import Tensors

extension Matrix where Scalar == Float {
  /// `op(self) · op(other)` of Float32 factors with products and sums in Float64.
  ///
  /// For thin results, a few tens of rows and columns summed over thousands, where a general product in Float64 spends
  /// its time on conversions and edges. Inner dimensions must agree (a programmer's error otherwise).
  public func exactTimes(
    _ other: Matrix<Float>, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Matrix<Double> {
    let (outer, inner) = transposeSelf ? (columns, rows) : (rows, columns)
    let (otherInner, otherOuter) =
      transposeOther ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(inner == otherInner, "inner dimensions \(inner) and \(otherInner)")
    var result = Matrix<Double>(rows: outer, columns: otherOuter)
    guard inner > 0, outer > 0, otherOuter > 0 else { return result }
    elements.withUnsafeBufferPointer { x in
      other.elements.withUnsafeBufferPointer { y in
        result.elements.withUnsafeMutableBufferPointer { c in
          exact_product(
            inner, x.baseAddress, outer, transposeSelf ? columns : 1, transposeSelf ? 1 : columns,
            y.baseAddress, otherOuter, transposeOther ? 1 : other.columns,
            transposeOther ? other.columns : 1, c.baseAddress)
        }
      }
    }
    return result
  }

  /// `op(self)ᵀ · op(other)` and the gram `op(other)ᵀ · op(other)`, as two calls of `exactTimes` give them, bit for bit.
  ///
  /// Of 16 columns or fewer the factors are read once for both. Numbers of rows of `op(self)` and `op(other)` must
  /// agree (a programmer's error otherwise).
  public func exactTransposedTimesWithGram(
    _ other: Matrix<Float>, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> (product: Matrix<Double>, gram: Matrix<Double>) {
    let (depth, outer) = transposeSelf ? (columns, rows) : (rows, columns)
    let (otherDepth, otherOuter) =
      transposeOther ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(depth == otherDepth, "inner dimensions \(depth) and \(otherDepth)")
    var product = Matrix<Double>(rows: outer, columns: otherOuter)
    var gram = Matrix<Double>(rows: otherOuter, columns: otherOuter)
    guard depth > 0, otherOuter > 0 else { return (product, gram) }
    elements.withUnsafeBufferPointer { x in
      other.elements.withUnsafeBufferPointer { y in
        product.elements.withUnsafeMutableBufferPointer { c in
          gram.elements.withUnsafeMutableBufferPointer { g in
            exact_product_and_gram(
              depth, x.baseAddress, outer, transposeSelf ? 1 : columns, transposeSelf ? columns : 1,
              y.baseAddress, otherOuter, transposeOther ? 1 : other.columns,
              transposeOther ? other.columns : 1, c.baseAddress, g.baseAddress)
          }
        }
      }
    }
    return (product, gram)
  }

  /// `selfᵀ · vector` `[columns, 1]` for a vector `[rows, 1]` in Float64, with products and sums in Float64.
  ///
  /// Numbers of rows must agree (a programmer's error otherwise).
  public func transposedTimes(_ vector: Matrix<Double>) -> Matrix<Double> {
    precondition(vector.rows == rows && vector.columns == 1, "a vector of \(vector.rows)")
    var result = Matrix<Double>(rows: columns, columns: 1)
    result.elements.withUnsafeMutableBufferPointer { sums in
      elements.withUnsafeBufferPointer { x in
        for row in 0..<rows {
          let (start, factor) = (row * columns, vector.elements[row])
          for column in 0..<columns { sums[column] += Double(x[start + column]) * factor }
        }
      }
    }
    return result
  }
}
