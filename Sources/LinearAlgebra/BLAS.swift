import COpenBLAS

/// Matrix products on OpenBLAS, row-major, on borrowed memory.
///
/// `C = alpha · op(A) · op(B) + beta · C` with `op(A)` `[rows, inner]`, `op(B)` `[inner, columns]`,
/// `C` `[rows, columns]`. Leading dimensions are the row strides of the matrices as stored; they default to
/// the packed stride. Sizes above 2³¹ − 1 are a programmer's error (the readers refuse such tensors).
public enum BLAS {
  /// Single precision product on raw memory; see ``BLAS`` for shapes.
  @inline(__always)
  public static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, rows: Int, columns: Int, inner: Int,
    alpha: Float = 1, _ a: UnsafePointer<Float>, strideA: Int? = nil, _ b: UnsafePointer<Float>,
    strideB: Int? = nil, beta: Float = 0, _ c: UnsafeMutablePointer<Float>, strideC: Int? = nil
  ) {
    guard rows > 0, columns > 0 else { return }
    OpenBLAS.onOneThread
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), alpha, a,
      Int32(strideA ?? (transposeA ? rows : inner)), b,
      Int32(strideB ?? (transposeB ? inner : columns)), beta, c, Int32(strideC ?? columns))
  }

  /// Double precision product on raw memory; see ``BLAS`` for shapes.
  @inline(__always)
  public static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, rows: Int, columns: Int, inner: Int,
    alpha: Double = 1, _ a: UnsafePointer<Double>, strideA: Int? = nil,
    _ b: UnsafePointer<Double>, strideB: Int? = nil, beta: Double = 0,
    _ c: UnsafeMutablePointer<Double>, strideC: Int? = nil
  ) {
    guard rows > 0, columns > 0 else { return }
    OpenBLAS.onOneThread
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), alpha, a,
      Int32(strideA ?? (transposeA ? rows : inner)), b,
      Int32(strideB ?? (transposeB ? inner : columns)), beta, c, Int32(strideC ?? columns))
  }

  /// `y = alpha · op(A) · x` for `A` `[rows, columns]`: no operand is laid out anew, as ``gemm`` does even for one row.
  public static func gemv(
    transposed: Bool = false, rows: Int, columns: Int, alpha: Float = 1, _ a: UnsafePointer<Float>,
    stride: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    guard rows > 0, columns > 0 else { return }
    OpenBLAS.onOneThread
    cblas_sgemv(
      CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), alpha, a,
      Int32(stride), x, 1, 0, y, 1)
  }

  /// `C = XᵀX` for `X` `[inner, size]`, or `C = XXᵀ` for `X` `[size, inner]` where `ofRows`: the upper triangle of `C`
  /// `[size, size]`, at half the work of a full product.
  public static func gram(
    ofRows: Bool, size: Int, inner: Int, _ x: UnsafePointer<Float>, stride: Int,
    into c: UnsafeMutablePointer<Float>, strideC: Int
  ) {
    guard size > 0 else { return }
    OpenBLAS.onOneThread
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, ofRows ? CblasNoTrans : CblasTrans, Int32(size), Int32(inner), 1,
      x, Int32(stride), 0, c, Int32(strideC))
  }
}
