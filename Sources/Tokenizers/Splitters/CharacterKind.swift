/// The kinds of characters that pre-tokenizer patterns distinguish.
enum CharacterKind: UInt8, Sendable {
  /// Anything else: punctuation, symbols, marks, control characters.
  case other
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `\s`, the Unicode property White_Space.
  case space

  /// The kind of a code point.
  static func of(_ scalar: Unicode.Scalar) -> CharacterKind {
    scalar.isASCII ? ascii[Int(scalar.value)] : beyondASCII(scalar)
  }

  private static let ascii: [CharacterKind] = (UInt8(0)..<128).map { byte in
    switch byte {
    case 0x41...0x5a, 0x61...0x7a: .letter
    case 0x30...0x39: .number
    case 0x09...0x0d, 0x20: .space
    default: .other
    }
  }

  private static func beyondASCII(_ scalar: Unicode.Scalar) -> CharacterKind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: scalar.properties.isWhitespace ? .space : .other
    }
  }
}
