/// A metadata value of a GGUF file (`formats/gguf.md` §3).
enum GGUFValue: Sendable, Hashable {
  /// Any of the unsigned integer types.
  case unsigned(UInt64)
  /// Any of the signed integer types.
  case signed(Int64)
  /// A 32- or 64-bit float.
  case number(Double)
  /// A byte that is 0 or 1.
  case bool(Bool)
  /// Text; the bytes are not required to be UTF-8.
  case string([UInt8])
  /// An array, left in the file until it is asked for.
  case array(GGUFArray)

  /// The value of an integer of any width or sign, where it fits `Int`.
  var integer: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .signed(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value of any number.
  var double: Double? {
    switch self {
    case .unsigned(let value): Double(value)
    case .signed(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The text of a string that is valid UTF-8.
  var text: String? {
    guard case .string(let bytes) = self else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
