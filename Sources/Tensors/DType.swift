/// The element types that safetensors names, and the ones GGUF stores plainly.
///
/// Source: `formats/safetensors.md` §4. Block-quantised GGUF types are not element types and stay
/// inside `Checkpoints/GGUF`.
public enum DType: String, Hashable, Sendable, CaseIterable {
  /// One byte per truth value.
  case bool = "BOOL"
  /// Unsigned 8-bit integer.
  case u8 = "U8"
  /// Signed 8-bit integer.
  case i8 = "I8"
  /// Signed 16-bit integer.
  case i16 = "I16"
  /// Unsigned 16-bit integer.
  case u16 = "U16"
  /// IEEE half precision.
  case f16 = "F16"
  /// The upper half of an IEEE single.
  case bf16 = "BF16"
  /// Signed 32-bit integer.
  case i32 = "I32"
  /// Unsigned 32-bit integer.
  case u32 = "U32"
  /// IEEE single precision.
  case f32 = "F32"
  /// IEEE double precision.
  case f64 = "F64"
  /// Signed 64-bit integer.
  case i64 = "I64"
  /// Unsigned 64-bit integer.
  case u64 = "U64"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .bool, .u8, .i8: 1
    case .i16, .u16, .f16, .bf16: 2
    case .i32, .u32, .f32: 4
    case .f64, .i64, .u64: 8
    }
  }
}
