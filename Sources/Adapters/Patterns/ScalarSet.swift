/// A set of Unicode scalars, as a regular expression spells it.
struct ScalarSet: Sendable {
  /// The classes behind `\d`, `\w` and `\s`, as Python has them for text.
  enum Class: Sendable {
    case digit, word, space

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      switch self {
      case .digit: scalar.properties.generalCategory == .decimalNumber
      case .word: scalar == "_" || scalar.isLetter || scalar.isNumber
      // Python counts the separators of ASCII too.
      case .space: scalar.properties.isWhitespace || (0x1c...0x1f).contains(scalar.value)
      }
    }
  }

  var ranges: [ClosedRange<UInt32>] = []
  var classes: [(class: Class, isNegated: Bool)] = []
  var isNegated = false
  var ignoresCase = false

  /// All but the end of a line.
  static let line = ScalarSet(ranges: [0x0a...0x0a], isNegated: true)
  /// Everything.
  static let all = ScalarSet(isNegated: true)

  init(ranges: [ClosedRange<UInt32>] = [], isNegated: Bool = false) {
    self.ranges = ranges
    self.isNegated = isNegated
  }

  /// One scalar.
  init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  /// A class or its complement.
  init(_ class: Class, isNegated: Bool) { classes = [(`class`, isNegated)] }

  /// The one scalar in the set, nil where there are more or where it is a class.
  var single: UInt32? {
    guard classes.isEmpty, !isNegated, ranges.count == 1, ranges[0].count == 1 else { return nil }
    return ranges[0].lowerBound
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    guard ignoresCase else { return holds(scalar) != isNegated }
    let twins = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
    let isHeld =
      holds(scalar)
      || twins.contains { twin in
        let scalars = twin.unicodeScalars
        return scalars.count == 1 && scalars.first.map(holds) == true
      }
    return isHeld != isNegated
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) }
      || classes.contains { $0.class.contains(scalar) != $0.isNegated }
  }
}

extension Unicode.Scalar {
  fileprivate var isLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  fileprivate var isNumber: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }
}
