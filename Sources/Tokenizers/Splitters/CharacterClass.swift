internal import Patterns

/// Classes of characters as the parts of Hugging Face's library know them.
///
/// Some go by tables of older versions of Unicode: those are told by the version that a character came with, and by
/// the few characters whose category has changed since.
package enum CharacterClass: Sendable, Hashable {
  /// Categories `N*`.
  case number
  /// White_Space.
  case space
  /// Symbols of ASCII and categories `P*` of Unicode 8.
  case punctuation
  /// `\w`: letters, marks, decimal numbers, connectors and joiners.
  case word
  /// Categories `Cc`, `Cf` and `Co` of Unicode 8, but for tabs and line ends.
  case control
  /// Category `Mn` of Unicode 8.
  case nonspacingMark
  /// Categories `M*` of Unicode 9.
  case mark
  /// Blocks of Chinese characters, with a gap where the original has one.
  case chinese
  case one(UInt32)

  package func contains(_ value: UInt32) -> Bool {
    guard let scalar = Unicode.Scalar(value) else { return false }
    switch self {
    case .number: return Self.isNumber(scalar)
    case .space: return scalar.properties.isWhitespace
    case .punctuation: return Self.isPunctuation(scalar)
    case .word: return Self.isWord(scalar)
    case .control: return Self.isControl(scalar)
    case .nonspacingMark: return Self.isNonspacingMark(scalar)
    case .mark: return Self.isMark(scalar)
    case .chinese: return Self.chineseBlocks.contains { $0.contains(value) }
    case .one(let wanted): return value == wanted
    }
  }

  private static func isNumber(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      switch scalar.value {
      case 0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e: return true
      default: return false
      }
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      return isOld(scalar, 8)
    // Punctuation then: a symbol and a mark since.
    default: return scalar.value == 0x166d || scalar.value == 0x111c9
    }
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
    default: scalar.properties.isAlphabetic || scalar.properties.isJoinControl
    }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control: scalar.value != 0x09 && scalar.value != 0x0a && scalar.value != 0x0d
    case .format: isOld(scalar, 8)
    case .privateUse: true
    default: false
    }
  }

  private static func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // Of another category since, or then.
    case 0x1734, 0x1171e: true
    case 0x1885, 0x1886, 0xa9bd, 0x111c9: false
    default: scalar.properties.generalCategory == .nonspacingMark && isOld(scalar, 8)
    }
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    // Of another category since, or then.
    if scalar.value == 0x1cf2 || scalar.value == 0x1cf3 { return true }
    if scalar.value == 0x111c9 { return false }
    return switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: isOld(scalar, 9)
    default: false
    }
  }

  /// Whether Unicode of version `major` has the character.
  private static func isOld(_ scalar: Unicode.Scalar, _ major: Int) -> Bool {
    scalar.properties.age.map { $0.major <= major } ?? false
  }

  private static let chineseBlocks: [ClosedRange<UInt32>] = [
    0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfaff, 0x20000...0x2a6df, 0x2a700...0x2b81f,
    0x2b920...0x2ceaf, 0x2f800...0x2fa1f,
  ]
}
