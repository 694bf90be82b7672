/// How text is cut into the words that byte-pair merges may not cross (`formats/tokenizers.md` §3).
///
/// The patterns are regular expressions of the original tokenizers, written out here as scanners over
/// code points: alternatives are tried in the pattern's order and each repeats as far as it can.
public enum PreTokenizer: String, Sendable, Hashable, CaseIterable {
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  case gpt2 = "gpt-2"
  /// Every `\p{N}` alone, then the gpt-2 pattern on what lies between.
  case smollm
  /// As ``llamaPattern`` says, numbers up to three digits.
  case llamaBPE = "llama-bpe"
  /// As ``qwenPattern`` says, numbers one digit at a time; text is normalised to NFC first.
  case qwen2
  /// As ``tekkenPattern`` says: words change where capitals begin, numbers one digit at a time.
  case tekken
  /// As ``gpt4oPattern`` says: the same with contractions, numbers up to three digits.
  case gpt4o = "gpt-4o"

  /// The pattern of ``llamaBPE`` as `tokenizer.json` spells it.
  static let llamaPattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The pattern of ``qwen2`` as `tokenizer.json` spells it.
  static let qwenPattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The pattern of ``tekken`` as `tokenizer.json` spells it.
  static let tekkenPattern =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The pattern of ``gpt4o`` as `tokenizer.json` spells it.
  static let gpt4oPattern =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// The words of a text as ranges of code point indices, in order, without gaps.
  func words(of text: ScalarBuffer) -> [Range<Int>] {
    var words: [Range<Int>] = []
    var start = 0
    while start < text.count {
      let end: Int
      switch self {
      case .gpt2: end = Self.gpt2End(text, start, limit: text.count)
      case .smollm:
        if text.classes[start] == .number {
          end = start + 1
        } else {
          end = Self.gpt2End(text, start, limit: Self.nextNumber(text, start))
        }
      case .llamaBPE: end = Self.llamaEnd(text, start, digits: 3)
      case .qwen2: end = Self.llamaEnd(text, start, digits: 1)
      case .tekken: end = Self.casedEnd(text, start, digits: 1, takesContractions: false)
      case .gpt4o: end = Self.casedEnd(text, start, digits: 3, takesContractions: true)
      }
      words.append(start..<end)
      start = end
    }
    return words
  }

  // MARK: - gpt-2

  private static func gpt2End(_ text: ScalarBuffer, _ start: Int, limit: Int) -> Int {
    if let end = contraction(text, start, limit: limit, ignoringCase: false) { return end }
    let first = text.values[start] == 0x20 && start + 1 < limit ? start + 1 : start
    let kind = text.classes[first]
    if kind != .space { return text.endOfRun(kind, from: first, limit: limit) }
    return spaceEnd(text, start, limit: limit)
  }

  /// `\s+(?!\S)|\s+`: all white space, less its last character where a word follows.
  static func spaceEnd(_ text: ScalarBuffer, _ start: Int, limit: Int) -> Int {
    let end = text.endOfRun(.space, from: start, limit: limit)
    return end == limit || end == start + 1 ? end : end - 1
  }

  private static func nextNumber(_ text: ScalarBuffer, _ start: Int) -> Int {
    var index = start
    while index < text.count, text.classes[index] != .number { index += 1 }
    return index
  }

  // MARK: - llama-bpe and qwen2

  private static func llamaEnd(_ text: ScalarBuffer, _ start: Int, digits: Int) -> Int {
    let count = text.count
    if let end = contraction(text, start, limit: count, ignoringCase: true) { return end }
    let kind = text.classes[start]
    if kind == .letter { return text.endOfRun(.letter, from: start, limit: count) }
    if kind == .number {
      return text.endOfRun(.number, from: start, limit: min(count, start + digits))
    }
    // [^\r\n\p{L}\p{N}]?\p{L}+
    if !text.isLineEnd(start), start + 1 < count, text.classes[start + 1] == .letter {
      return text.endOfRun(.letter, from: start + 1, limit: count)
    }
    //  ?[^\s\p{L}\p{N}]+[\r\n]*
    let first = text.values[start] == 0x20 && start + 1 < count ? start + 1 : start
    if text.classes[first] == .other {
      var end = text.endOfRun(.other, from: first, limit: count)
      while end < count, text.isLineEnd(end) { end += 1 }
      return end
    }
    // \s*[\r\n]+ ends after the last line end of the white space.
    let spaces = text.endOfRun(.space, from: start, limit: count)
    var last = spaces
    while last > start, !text.isLineEnd(last - 1) { last -= 1 }
    return last > start ? last : spaceEnd(text, start, limit: count)
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
    if [0x73, 0x74, 0x6d, 0x64].contains(first) { return start + 2 }
    guard start + 2 < limit else { return nil }
    switch (first, letter(start + 2)) {
    // re, ve, ll
    case (0x72, 0x65), (0x76, 0x65), (0x6c, 0x6c): return start + 3
    default: return nil
    }
  }
}
