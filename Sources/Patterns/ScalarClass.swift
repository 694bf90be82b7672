/// A class of Unicode scalars that a regular expression has a short name for.
package enum ScalarClass: Sendable, Hashable {
  /// `\d`: decimal numbers.
  case digit
  /// `\w` and `\s`, as Python has them for text.
  case word, space
  /// `\w` and `\s` as Oniguruma has them.
  ///
  /// Marks, connectors, letters that are numbers and six numbers of Latin-1 are of words; separators of ASCII are no
  /// spaces.
  case markedWord, whiteSpace
  /// `\p{L}`, `\p{Lu}`, …: general categories, one bit each as in ``bit(of:)``.
  case categories(UInt32)
  /// `\p{Han}`: Chinese characters.
  case han

  package func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch self {
    case .digit: scalar.properties.generalCategory == .decimalNumber
    case .word:
      scalar == "_" || Self.categories(Self.letters | Self.numbers).contains(scalar)
    // Python counts the separators of ASCII too.
    case .space: scalar.properties.isWhitespace || (0x1c...0x1f).contains(scalar.value)
    case .markedWord:
      scalar.properties.isAlphabetic || Self.categories(Self.wordCategories).contains(scalar)
        || Self.latinNumbers.contains(scalar.value)
    case .whiteSpace: scalar.properties.isWhitespace
    case .categories(let bits): bits & Self.bit(of: scalar.properties.generalCategory) != 0
    case .han: Self.hanRanges.contains { $0.contains(scalar.value) }
    }
  }

  // MARK: - General categories

  private static let names: [(name: String, category: Unicode.GeneralCategory)] = [
    ("Lu", .uppercaseLetter), ("Ll", .lowercaseLetter), ("Lt", .titlecaseLetter),
    ("Lm", .modifierLetter), ("Lo", .otherLetter), ("Mn", .nonspacingMark),
    ("Mc", .spacingMark), ("Me", .enclosingMark), ("Nd", .decimalNumber), ("Nl", .letterNumber),
    ("No", .otherNumber), ("Pc", .connectorPunctuation), ("Pd", .dashPunctuation),
    ("Ps", .openPunctuation), ("Pe", .closePunctuation), ("Pi", .initialPunctuation),
    ("Pf", .finalPunctuation), ("Po", .otherPunctuation), ("Sm", .mathSymbol),
    ("Sc", .currencySymbol), ("Sk", .modifierSymbol), ("So", .otherSymbol),
    ("Zs", .spaceSeparator), ("Zl", .lineSeparator), ("Zp", .paragraphSeparator),
    ("Cc", .control), ("Cf", .format), ("Cs", .surrogate), ("Co", .privateUse),
    ("Cn", .unassigned),
  ]

  /// The class behind `\p{name}`: a general category, the first letter of some, or `Han`; nil for others.
  init?(property name: String) {
    if name == "Han" {
      self = .han
      return
    }
    let bits = Self.bits(name)
    guard bits != 0, name.utf8.count <= 2 else { return nil }
    self = .categories(bits)
  }

  private static func bits(_ prefix: String) -> UInt32 {
    names.enumerated().reduce(0) {
      $1.element.name.hasPrefix(prefix) ? $0 | 1 << UInt32($1.offset) : $0
    }
  }

  private static let letters = bits("L")
  private static let numbers = bits("N")
  private static let wordCategories = letters | bits("M") | bits("Nd") | bits("Pc")
  /// Superscripts and fractions.
  private static let latinNumbers: Set<UInt32> = [0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe]

  private static func bit(of category: Unicode.GeneralCategory) -> UInt32 {
    switch category {
    case .uppercaseLetter: 1 << 0
    case .lowercaseLetter: 1 << 1
    case .titlecaseLetter: 1 << 2
    case .modifierLetter: 1 << 3
    case .otherLetter: 1 << 4
    case .nonspacingMark: 1 << 5
    case .spacingMark: 1 << 6
    case .enclosingMark: 1 << 7
    case .decimalNumber: 1 << 8
    case .letterNumber: 1 << 9
    case .otherNumber: 1 << 10
    case .connectorPunctuation: 1 << 11
    case .dashPunctuation: 1 << 12
    case .openPunctuation: 1 << 13
    case .closePunctuation: 1 << 14
    case .initialPunctuation: 1 << 15
    case .finalPunctuation: 1 << 16
    case .otherPunctuation: 1 << 17
    case .mathSymbol: 1 << 18
    case .currencySymbol: 1 << 19
    case .modifierSymbol: 1 << 20
    case .otherSymbol: 1 << 21
    case .spaceSeparator: 1 << 22
    case .lineSeparator: 1 << 23
    case .paragraphSeparator: 1 << 24
    case .control: 1 << 25
    case .format: 1 << 26
    case .surrogate: 1 << 27
    case .privateUse: 1 << 28
    case .unassigned: 1 << 29
    @unknown default: 0
    }
  }

  /// The script Han, of Unicode 16.
  private static let hanRanges: [ClosedRange<UInt32>] = [
    0x2e80...0x2e99, 0x2e9b...0x2ef3, 0x2f00...0x2fd5, 0x3005...0x3005, 0x3007...0x3007,
    0x3021...0x3029, 0x3038...0x303b, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xf900...0xfa6d,
    0xfa70...0xfad9, 0x16fe2...0x16fe3, 0x16ff0...0x16ff1, 0x20000...0x2a6df, 0x2a700...0x2b739,
    0x2b740...0x2b81d, 0x2b820...0x2cea1, 0x2ceb0...0x2ebe0, 0x2ebf0...0x2ee5d, 0x2f800...0x2fa1d,
    0x30000...0x3134a, 0x31350...0x323af,
  ]
}
