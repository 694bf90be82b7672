/// The arithmetic of products with frozen matrices; sums are in Float32 in either.
public enum ProductPrecision: String, Sendable, Hashable, CaseIterable {
  /// Float32 factors.
  case float32
  /// Factors rounded to bfloat16, eight significant bits, about 0.2% a factor: for gradients, and for
  /// measurements where that is asked for. Twice as many operations a cycle where ``CPUKernels/multipliesBFloat16``.
  case bfloat16
}
