/// The rules `tekken` and `gpt-4o`: a word ends where capitals follow small letters.
extension PreTokenizer {
  static func casedEnd(
    _ text: ScalarBuffer, _ start: Int, digits: Int, takesContractions: Bool
  ) -> Int {
    let count = text.count
    if let end = wordEnd(text, start) {
      guard takesContractions else { return end }
      return end < count
        ? contraction(text, end, limit: count, ignoringCase: true) ?? end : end
    }
    let kind = text.classes[start]
    if kind == .number {
      return text.endOfRun(.number, from: start, limit: min(count, start + digits))
    }
    //  ?[^\s\p{L}\p{N}]+[\r\n/]*
    let first = text.values[start] == 0x20 && start + 1 < count ? start + 1 : start
    if text.classes[first] == .other {
      var end = text.endOfRun(.other, from: first, limit: count)
      while end < count, text.isLineEnd(end) || text.values[end] == 0x2f { end += 1 }
      return end
    }
    // \s*[\r\n]+ ends after the last line end of the white space.
    let spaces = text.endOfRun(.space, from: start, limit: count)
    var last = spaces
    while last > start, !text.isLineEnd(last - 1) { last -= 1 }
    return last > start ? last : spaceEnd(text, start, limit: count)
  }

  /// Either of the two patterns of words, in front of which one character that is no letter, number or line end may
  /// stand; nil where there is no word.
  private static func wordEnd(_ text: ScalarBuffer, _ start: Int) -> Int? {
    let kind = text.classes[start]
    let mayLead = kind != .letter && kind != .number && !text.isLineEnd(start)
    let starts = mayLead ? [start + 1, start] : [start]
    for first in starts {
      if let end = smallEnd(text, first) { return end }
    }
    for first in starts {
      let end = capitals(text, first)
      if end > first { return small(text, end) }
    }
    return nil
  }

  /// `U*S+`, U capitals and S small letters: letters without case and marks are both, so what U took is given back as
  /// far as S needs it.
  private static func smallEnd(_ text: ScalarBuffer, _ start: Int) -> Int? {
    let end = capitals(text, start)
    let after = small(text, end)
    if after > end { return after }
    var last = end
    while last > start, !isSmall(text, last - 1) { last -= 1 }
    return last > start ? last : nil
  }

  private static func capitals(_ text: ScalarBuffer, _ start: Int) -> Int {
    var index = start
    while index < text.count, isCapital(text, index) { index += 1 }
    return index
  }

  private static func small(_ text: ScalarBuffer, _ start: Int) -> Int {
    var index = start
    while index < text.count, isSmall(text, index) { index += 1 }
    return index
  }

  /// Whether a character is of `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`.
  private static func isCapital(_ text: ScalarBuffer, _ index: Int) -> Bool {
    switch category(text.values[index]) {
    case .uppercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .enclosingMark:
      true
    default: false
    }
  }

  /// Whether a character is of `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
  private static func isSmall(_ text: ScalarBuffer, _ index: Int) -> Bool {
    switch category(text.values[index]) {
    case .lowercaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark,
      .enclosingMark:
      true
    default: false
    }
  }

  private static func category(_ value: UInt32) -> Unicode.GeneralCategory {
    Unicode.Scalar(value)?.properties.generalCategory ?? .unassigned
  }
}
