/// A pattern of the original tokenizers that is written out here as a scanner over code points.
///
/// Alternatives are tried in the pattern's order and each repeats as far as it can. A match begins wherever another
/// ends, so there is nothing between them. Tokenizers with these patterns are most, and this is several times as fast
/// as searching for them.
enum ScannedPattern: String, Sendable, Hashable, CaseIterable {
  case gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  /// Llama 3's, GPT-4's: numbers up to three digits.
  case llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Numbers one digit at a time.
  case qwen2 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Words change where capitals begin, numbers one digit at a time.
  case tekken =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// The same with contractions, numbers up to three digits.
  case gpt4o =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// Adds the words of `text[range]`, in order and without gaps; nothing is seen of what lies around it.
  func appendWords(of text: ScalarBuffer, in range: Range<Int>, to words: inout [Range<Int>]) {
    let limit = range.upperBound
    var start = range.lowerBound
    while start < limit {
      let end =
        switch self {
        case .gpt2: Self.gpt2End(text, start, limit: limit)
        case .llama3: Self.llamaEnd(text, start, limit: limit, digits: 3)
        case .qwen2: Self.llamaEnd(text, start, limit: limit, digits: 1)
        case .tekken:
          Self.casedEnd(text, start, limit: limit, digits: 1, takesContractions: false)
        case .gpt4o:
          Self.casedEnd(text, start, limit: limit, digits: 3, takesContractions: true)
        }
      words.append(start..<end)
      start = end
    }
  }

  // MARK: - gpt-2

  private static func gpt2End(_ text: ScalarBuffer, _ start: Int, limit: Int) -> Int {
    if let end = contraction(text, start, limit: limit, ignoringCase: false) { return end }
    let first = text.values[start] == 0x20 && start + 1 < limit ? start + 1 : start
    let kind = text.kinds[first]
    if kind != .space { return text.endOfRun(kind, from: first, limit: limit) }
    return spaceEnd(text, start, limit: limit)
  }

  /// `\s+(?!\S)|\s+`: all white space, less its last character where a word follows.
  static func spaceEnd(_ text: ScalarBuffer, _ start: Int, limit: Int) -> Int {
    let end = text.endOfRun(.space, from: start, limit: limit)
    return end == limit || end == start + 1 ? end : end - 1
  }

  // MARK: - llama3 and qwen2

  private static func llamaEnd(
    _ text: ScalarBuffer, _ start: Int, limit: Int, digits: Int
  ) -> Int {
    if let end = contraction(text, start, limit: limit, ignoringCase: true) { return end }
    let kind = text.kinds[start]
    if kind == .letter { return text.endOfRun(.letter, from: start, limit: limit) }
    if kind == .number {
      return text.endOfRun(.number, from: start, limit: min(limit, start + digits))
    }
    // [^\r\n\p{L}\p{N}]?\p{L}+
    if !text.isLineEnd(start), start + 1 < limit, text.kinds[start + 1] == .letter {
      return text.endOfRun(.letter, from: start + 1, limit: limit)
    }
    //  ?[^\s\p{L}\p{N}]+[\r\n]*
    let first = text.values[start] == 0x20 && start + 1 < limit ? start + 1 : start
    if text.kinds[first] == .other {
      var end = text.endOfRun(.other, from: first, limit: limit)
      while end < limit, text.isLineEnd(end) { end += 1 }
      return end
    }
    // \s*[\r\n]+ ends after the last line end of the white space.
    let spaces = text.endOfRun(.space, from: start, limit: limit)
    var last = spaces
    while last > start, !text.isLineEnd(last - 1) { last -= 1 }
    return last > start ? last : spaceEnd(text, start, limit: limit)
  }

  /// The end of one of `'s 't 're 've 'm 'll 'd` at `start`; nil where there is none.
  static func contraction(
    _ text: ScalarBuffer, _ start: Int, limit: Int, ignoringCase: Bool
  ) -> Int? {
    guard text.values[start] == 0x27, start + 1 < limit else { return nil }
    func letter(_ index: Int) -> UInt32 {
      let value = text.values[index]
      guard ignoringCase else { return value }
      // U+017F folds to s: the original engines apply Unicode case folding.
      if value == 0x17f { return 0x73 }
      return (0x41...0x5a).contains(value) ? value + 0x20 : value
    }
    let first = letter(start + 1)
    // s, t, m, d
    if first == 0x73 || first == 0x74 || first == 0x6d || first == 0x64 { return start + 2 }
    guard start + 2 < limit else { return nil }
    switch (first, letter(start + 2)) {
    // re, ve, ll
    case (0x72, 0x65), (0x76, 0x65), (0x6c, 0x6c): return start + 3
    default: return nil
    }
  }
}
