/// The value types of GGUF metadata (`formats/gguf.md` §3).
enum GGUFValueType: UInt32, Sendable, Hashable {
  case u8 = 0
  case i8 = 1
  case u16 = 2
  case i16 = 3
  case u32 = 4
  case i32 = 5
  case f32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case u64 = 10
  case i64 = 11
  case f64 = 12

  /// Bytes of one value; for strings and arrays the least it can take.
  var minimumBytes: Int {
    switch self {
    case .u8, .i8, .bool: 1
    case .u16, .i16: 2
    case .u32, .i32, .f32: 4
    case .u64, .i64, .f64, .string: 8
    case .array: 12
    }
  }
}
