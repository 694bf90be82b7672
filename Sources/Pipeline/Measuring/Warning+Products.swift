import Faults
import LinearAlgebra

extension Warning {
  /// What is to be said of products in these precisions on this CPU.
  static func ofProducts(in precisions: [ProductPrecision?]) -> [Warning] {
    guard precisions.contains(.bfloat16), !CPUKernels.multipliesBFloat16 else { return [] }
    return [
      Warning(
        "CPU-BF16",
        "this CPU has no quick products of bfloat16: widened ones take longer than float32 and hold half the memory"
      )
    ]
  }
}
