public import Tensors

extension Matrix where Scalar: BLASScalar {
  /// `op(self) · op(other)`; inner dimensions must agree (a programmer's error otherwise).
  public func times(
    _ other: Matrix, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Matrix {
    let (outer, inner) = transposeSelf ? (columns, rows) : (rows, columns)
    let (otherInner, otherOuter) =
      transposeOther ? (other.columns, other.rows) : (other.rows, other.columns)
    precondition(inner == otherInner, "inner dimensions \(inner) and \(otherInner)")
    var result = Matrix(rows: outer, columns: otherOuter)
    guard inner > 0, outer > 0, otherOuter > 0 else { return result }
    elements.withUnsafeBufferPointer { a in
      other.elements.withUnsafeBufferPointer { b in
        result.elements.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          Scalar.gemm(
            transposeA: transposeSelf, transposeB: transposeOther, rows: outer, columns: otherOuter,
            inner: inner, alpha: 1, a, strideA: columns, b, strideB: other.columns, beta: 0, c,
            strideC: otherOuter)
        }
      }
    }
    return result
  }
}
