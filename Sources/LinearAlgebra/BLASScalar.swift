import COpenBLAS

/// Float32 or Float64, for mathematics that runs in either: the products of ``BLAS`` by type.
public protocol BLASScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  /// `C = alpha · op(A) · op(B) + beta · C`; shapes and strides as in ``BLAS``.
  static func gemm(
    transposeA: Bool, transposeB: Bool, rows: Int, columns: Int, inner: Int, alpha: Self,
    _ a: UnsafePointer<Self>, strideA: Int, _ b: UnsafePointer<Self>, strideB: Int, beta: Self,
    _ c: UnsafeMutablePointer<Self>, strideC: Int)

  /// `C += XᵀX` for `X` `[inner, size]`, or `C += XXᵀ` for `X` `[size, inner]` where `ofRows`: the upper triangle of
  /// `C` `[size, size]`, at half the work of a full product.
  static func gram(
    ofRows: Bool, size: Int, inner: Int, _ x: UnsafePointer<Self>, stride: Int,
    into c: UnsafeMutablePointer<Self>)
}

extension Float: BLASScalar {
  /// See ``BLASScalar``.
  public static func gemm(
    transposeA: Bool, transposeB: Bool, rows: Int, columns: Int, inner: Int, alpha: Float,
    _ a: UnsafePointer<Float>, strideA: Int, _ b: UnsafePointer<Float>, strideB: Int, beta: Float,
    _ c: UnsafeMutablePointer<Float>, strideC: Int
  ) {
    BLAS.gemm(
      transposeA: transposeA, transposeB: transposeB, rows: rows, columns: columns, inner: inner,
      alpha: alpha, a, strideA: strideA, b, strideB: strideB, beta: beta, c, strideC: strideC)
  }

  /// See ``BLASScalar``.
  public static func gram(
    ofRows: Bool, size: Int, inner: Int, _ x: UnsafePointer<Float>, stride: Int,
    into c: UnsafeMutablePointer<Float>
  ) {
    guard size > 0, inner > 0 else { return }
    cblas_ssyrk(
      CblasRowMajor, CblasUpper, ofRows ? CblasNoTrans : CblasTrans, Int32(size), Int32(inner), 1,
      x, Int32(stride), 1, c, Int32(size))
  }
}

extension Double: BLASScalar {
  /// See ``BLASScalar``.
  public static func gemm(
    transposeA: Bool, transposeB: Bool, rows: Int, columns: Int, inner: Int, alpha: Double,
    _ a: UnsafePointer<Double>, strideA: Int, _ b: UnsafePointer<Double>, strideB: Int,
    beta: Double, _ c: UnsafeMutablePointer<Double>, strideC: Int
  ) {
    BLAS.gemm(
      transposeA: transposeA, transposeB: transposeB, rows: rows, columns: columns, inner: inner,
      alpha: alpha, a, strideA: strideA, b, strideB: strideB, beta: beta, c, strideC: strideC)
  }

  /// See ``BLASScalar``.
  public static func gram(
    ofRows: Bool, size: Int, inner: Int, _ x: UnsafePointer<Double>, stride: Int,
    into c: UnsafeMutablePointer<Double>
  ) {
    guard size > 0, inner > 0 else { return }
    cblas_dsyrk(
      CblasRowMajor, CblasUpper, ofRows ? CblasNoTrans : CblasTrans, Int32(size), Int32(inner), 1,
      x, Int32(stride), 1, c, Int32(size))
  }
}
