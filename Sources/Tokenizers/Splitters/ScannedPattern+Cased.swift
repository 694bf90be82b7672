/// ``tekken`` and ``gpt4o``: a word ends where capitals follow small letters.
extension ScannedPattern {
  static func casedEnd(
    _ text: ScalarBuffer, _ start: Int, limit: Int, digits: Int, takesContractions: Bool
  ) -> Int {
    if let end = wordEnd(text, start, limit) {
      guard takesContractions else { return end }
      return end < limit
        ? contraction(text, end, limit: limit, ignoringCase: true) ?? end : end
    }
    let kind = text.kinds[start]
    if kind == .number {
      return text.endOfRun(.number, from: start, limit: min(limit, start + digits))
    }
    //  ?[^\s\p{L}\p{N}]+[\r\n/]*
    let first = text.values[start] == 0x20 && start + 1 < limit ? start + 1 : start
    if text.kinds[first] == .other {
      var end = text.endOfRun(.other, from: first, limit: limit)
      while end < limit, text.isLineEnd(end) || text.values[end] == 0x2f { end += 1 }
      return end
    }
    // \s*[\r\n]+ ends after the last line end of the white space.
    let spaces = text.endOfRun(.space, from: start, limit: limit)
    var last = spaces
    while last > start, !text.isLineEnd(last - 1) { last -= 1 }
    return last > start ? last : spaceEnd(text, start, limit: limit)
  }

  /// Either of the two patterns of words, in front of which one character that is no letter, number or line end may
  /// stand; nil where there is no word.
  private static func wordEnd(_ text: ScalarBuffer, _ start: Int, _ limit: Int) -> Int? {
    let kind = text.kinds[start]
    let mayLead = kind != .letter && kind != .number && !text.isLineEnd(start)
    // Both places or one, without an array for every word.
    let first = mayLead ? start + 1 : start
    if let end = smallEnd(text, first, limit) { return end }
    if mayLead, let end = smallEnd(text, start, limit) { return end }
    return capitalsEnd(text, first, limit)
      ?? (mayLead ? capitalsEnd(text, start, limit) : nil)
  }

  /// `U+S*`.
  private static func capitalsEnd(_ text: ScalarBuffer, _ start: Int, _ limit: Int) -> Int? {
    let end = capitals(text, start, limit)
    return end > start ? small(text, end, limit) : nil
  }

  /// `U*S+`, U capitals and S small letters: letters without case and marks are both, so what U took is given back as
  /// far as S needs it.
  private static func smallEnd(_ text: ScalarBuffer, _ start: Int, _ limit: Int) -> Int? {
    let end = capitals(text, start, limit)
    let after = small(text, end, limit)
    if after > end { return after }
    var last = end
    while last > start, !isSmall(text, last - 1) { last -= 1 }
    return last > start ? last : nil
  }

  private static func capitals(_ text: ScalarBuffer, _ start: Int, _ limit: Int) -> Int {
    var index = start
    while index < limit, isCapital(text, index) { index += 1 }
    return index
  }

  private static func small(_ text: ScalarBuffer, _ start: Int, _ limit: Int) -> Int {
    var index = start
    while index < limit, isSmall(text, index) { index += 1 }
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
