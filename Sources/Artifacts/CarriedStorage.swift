import Tensors

/// How the values of a carried parameter are stored (`formats/loraxs.md` §10.3).
public enum CarriedStorage: String, Sendable, Hashable, CaseIterable {
  /// Float32.
  case f32
  /// IEEE half precision.
  case f16
  /// The upper half of Float32.
  case bf16
  /// Whole numbers in −127...127 with one Float32 scale a row; matrices only.
  case int8

  /// The element type of the tensor that holds them.
  var dtype: DType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .int8: .i8
    }
  }

  /// The smallest type that holds every value exactly.
  public static func exact(_ values: [Float]) -> CarriedStorage {
    if values.allSatisfy({ $0.bitPattern & 0xffff == 0 }) { return .bf16 }
    let isHalf = values.allSatisfy {
      HalfPrecision.float(half: HalfPrecision.half($0)).bitPattern == $0.bitPattern
    }
    return isHalf ? .f16 : .f32
  }
}
