/// Float32 or Float64, for mathematics that runs in either: the products of ``BLAS`` by type.
public protocol BLASScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  /// `C = alpha · op(A) · op(B) + beta · C`; shapes and strides as in ``BLAS``.
  static func gemm(
    transposeA: Bool, transposeB: Bool, rows: Int, columns: Int, inner: Int, alpha: Self,
    _ a: UnsafePointer<Self>, strideA: Int, _ b: UnsafePointer<Self>, strideB: Int, beta: Self,
    _ c: UnsafeMutablePointer<Self>, strideC: Int)
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
}
