import Tensors

/// How the numbers of the latent matrices are stored (`formats/loraxs.md` §5).
public enum LatentStorage: String, Sendable, Hashable, CaseIterable {
  /// Float32.
  case f32
  /// IEEE half precision.
  case f16
  /// The upper half of Float32.
  case bf16
  /// Whole numbers in −127...127 with one scale per column.
  case int8
  /// Whole numbers in −7...7 with one scale per column, two in a byte.
  case int4
  /// Whole numbers in −3...3 with one scale per column, two in a byte, which compress to under 2.7 bits each.
  case int3
  /// −1, 0 or 1 with one scale per column, five in a byte.
  case int2

  /// Whether codes and scales are stored instead of the numbers themselves.
  public var isQuantised: Bool { largestCode > 0 }

  /// The largest code in magnitude, 0 where there are none.
  public var largestCode: Int {
    switch self {
    case .f32, .f16, .bf16: 0
    case .int8: 127
    case .int4: 7
    case .int3: 3
    case .int2: 1
    }
  }

  /// The element type of the tensor that holds them.
  var dtype: DType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .int8: .i8
    case .int4, .int3, .int2: .u8
    }
  }
}
