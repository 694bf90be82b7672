public import Tensors
import Threads

/// Rows of a result that are one call: enough that packing the right factor anew for each costs little, and sharing them less.
private func panelRows(columns: Int, inner: Int) -> Int {
  max(512, 16_000_000 / max(columns * inner, 1))
}

extension Matrix where Scalar: BLASScalar {
  /// `op(self) · op(other)`; inner dimensions must agree (a programmer's error otherwise).
  ///
  /// Large results are cut into panels of rows by their size alone, for idle threads to share.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
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
          let (strideA, strideB) = (columns, other.columns)
          let panel = panelRows(columns: otherOuter, inner: inner)
          shareOut(
            (outer - 1) / panel + 1, grain: 1, over: (a, b, c)
          ) { range, memory in
            let (a, b, c) = memory
            for index in range {
              let first = index * panel
              Scalar.gemm(
                transposeA: transposeSelf, transposeB: transposeOther,
                rows: min(panel, outer - first), columns: otherOuter, inner: inner, alpha: 1,
                a + (transposeSelf ? first : first * strideA), strideA: strideA, b,
                strideB: strideB, beta: 0, c + first * otherOuter, strideC: otherOuter)
            }
          }
        }
      }
    }
    return result
  }
}
