import CKernels

/// The arithmetic of products with frozen matrices; sums are in Float32 in either.
public enum ProductPrecision: String, Sendable, Hashable, CaseIterable {
  /// Float32 factors.
  case float32
  /// Factors rounded to bfloat16, eight significant bits, about 0.2% a factor: for gradients, not for
  /// measurements. Twice as many operations a cycle where the CPU has them.
  case bfloat16

  /// Whether this CPU multiplies bfloat16 in hardware; elsewhere ``bfloat16`` must not be used.
  public static let hasBFloat16 = packed_level() >= Int32(PACKED_BFLOAT16)

  /// Names the kernels of products on this CPU: others give other last bits.
  public static let kernels = "packed \(packed_level())"

  /// Whether this CPU has kernels for packed Float32 matrices; elsewhere OpenBLAS multiplies.
  static let hasPackedFloat = packed_level() >= Int32(PACKED_FLOAT)
}
