public import Tensors

extension Matrix where Scalar == Double {
  /// `op(self) · op(other)`; inner dimensions must agree (a programmer's error otherwise).
  public func times(
    _ other: Matrix<Double>, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Matrix<Double> {
    let outer = transposeSelf ? columns : rows
    let inner = transposeSelf ? rows : columns
    let otherInner = transposeOther ? other.columns : other.rows
    let otherOuter = transposeOther ? other.rows : other.columns
    precondition(inner == otherInner, "inner dimensions \(inner) and \(otherInner)")
    var result = Matrix<Double>(rows: outer, columns: otherOuter)
    guard inner > 0, outer > 0, otherOuter > 0 else { return result }
    elements.withUnsafeBufferPointer { aBuffer in
      other.elements.withUnsafeBufferPointer { bBuffer in
        result.elements.withUnsafeMutableBufferPointer { cBuffer in
          guard let a = aBuffer.baseAddress, let b = bBuffer.baseAddress,
            let c = cBuffer.baseAddress
          else { return }
          BLAS.gemm(
            transposeA: transposeSelf, transposeB: transposeOther, rows: outer,
            columns: otherOuter, inner: inner, a, b, c)
        }
      }
    }
    return result
  }
}

extension Matrix where Scalar == Float {
  /// `op(self) · op(other)`; inner dimensions must agree (a programmer's error otherwise).
  public func times(
    _ other: Matrix<Float>, transposeSelf: Bool = false, transposeOther: Bool = false
  ) -> Matrix<Float> {
    let outer = transposeSelf ? columns : rows
    let inner = transposeSelf ? rows : columns
    let otherInner = transposeOther ? other.columns : other.rows
    let otherOuter = transposeOther ? other.rows : other.columns
    precondition(inner == otherInner, "inner dimensions \(inner) and \(otherInner)")
    var result = Matrix<Float>(rows: outer, columns: otherOuter)
    guard inner > 0, outer > 0, otherOuter > 0 else { return result }
    elements.withUnsafeBufferPointer { aBuffer in
      other.elements.withUnsafeBufferPointer { bBuffer in
        result.elements.withUnsafeMutableBufferPointer { cBuffer in
          guard let a = aBuffer.baseAddress, let b = bBuffer.baseAddress,
            let c = cBuffer.baseAddress
          else { return }
          BLAS.gemm(
            transposeA: transposeSelf, transposeB: transposeOther, rows: outer,
            columns: otherOuter, inner: inner, a, b, c)
        }
      }
    }
    return result
  }
}
