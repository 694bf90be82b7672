/// A step that cuts text into words; a pre-tokenizer of Hugging Face's library (`formats/tokenizers.md` §3).
enum SplitStep: Sendable {
  /// `Split`: at the matches of a pattern, or where inverted at what lies between them.
  case pattern(SplitPattern, SplitBehavior, isInverted: Bool)
  /// `Digits`, `Punctuation`, `WhitespaceSplit`, `CharDelimiterSplit`: at the characters of a class.
  case characters(CharacterClass, SplitBehavior)
  /// `Whitespace`: `\w+|[^\w\s]+`, without what lies between.
  case words
  /// `Metaspace`: spaces are written as another character, which may be put in front too.
  case metaspace(replacement: UInt32, MetaspaceScheme, splits: Bool)
  /// `ByteLevel`: text as bytes, after the pattern of GPT-2 where asked for.
  case byteLevel(addsPrefixSpace: Bool, usesPattern: Bool)

  /// When ``metaspace(replacement:_:splits:)`` puts its character in front of text that does not begin with it.
  enum MetaspaceScheme: String, Sendable, Hashable {
    case always, never
    /// Only where the whole text begins.
    case first
  }
}

/// A text on its way through the steps: pieces of a buffer, in order.
struct SplitText {
  var buffer: ScalarBuffer
  var pieces: [Range<Int>]
  /// Whether the buffer begins where the whole text does.
  let isFirst: Bool
  /// Whether another text comes before this one: then nothing is put in front of its first piece.
  let continues: Bool

  init(_ bytes: [UInt8], isFirst: Bool, continues: Bool) {
    buffer = ScalarBuffer(bytes)
    pieces = buffer.count == 0 ? [] : [0..<buffer.count]
    self.isFirst = isFirst
    self.continues = continues
  }

  /// Cuts the pieces as the steps say.
  mutating func apply(_ steps: [SplitStep]) {
    for (index, step) in steps.enumerated() { apply(step, isLast: index == steps.count - 1) }
  }

  private mutating func apply(_ step: SplitStep, isLast: Bool) {
    switch step {
    case .pattern(let pattern, let behavior, let isInverted):
      if let scanned = pattern.scanned, behavior == .isolated || behavior == .removed && isInverted
      {
        // A match begins wherever another ends: there is nothing to remove.
        split { text, range, pieces in scanned.appendWords(of: text, in: range, to: &pieces) }
        return
      }
      split { text, range, pieces in
        var parts = SplitBehavior.parts(pattern.matches(in: text, range), in: range)
        if isInverted { for index in parts.indices { parts[index].isMatch.toggle() } }
        behavior.append(parts, to: &pieces)
      }
    case .characters(let characters, let behavior):
      split { text, range, pieces in
        let matches = range.lazy.filter { characters.contains(text.values[$0]) }.map { $0..<$0 + 1 }
        behavior.append(SplitBehavior.parts(Array(matches), in: range), to: &pieces)
      }
    case .words: split(Self.appendRuns)
    case .metaspace(let replacement, let scheme, let splits):
      writeSpaces(as: replacement, scheme)
      if splits {
        split { text, range, pieces in
          var start = range.lowerBound
          for index in range where index > start && text.values[index] == replacement {
            pieces.append(start..<index)
            start = index
          }
          pieces.append(start..<range.upperBound)
        }
      }
    case .byteLevel(let addsPrefixSpace, let usesPattern):
      if addsPrefixSpace { addPrefixSpaces() }
      if usesPattern {
        split { ScannedPattern.gpt2.appendWords(of: $0, in: $1, to: &$2) }
      }
      // What follows sees the spelling of the bytes; else nobody does, and the bytes themselves will do.
      if !isLast { spellBytes() }
    }
  }

  private mutating func split(
    _ body: (ScalarBuffer, Range<Int>, inout [Range<Int>]) -> Void
  ) {
    var result: [Range<Int>] = []
    for piece in pieces { body(buffer, piece, &result) }
    pieces = result
  }

  /// Runs of word characters and runs of what is neither that nor white space.
  private static func appendRuns(
    of text: ScalarBuffer, in range: Range<Int>, to pieces: inout [Range<Int>]
  ) {
    func kind(_ index: Int) -> Int {
      if CharacterClass.word.contains(text.values[index]) { return 1 }
      return text.kinds[index] == .space ? 0 : 2
    }
    var start = range.lowerBound
    while start < range.upperBound {
      let first = kind(start)
      var end = start + 1
      while end < range.upperBound, kind(end) == first { end += 1 }
      if first != 0 { pieces.append(start..<end) }
      start = end
    }
  }

  // MARK: - Steps that change the text

  /// Makes a new buffer of what `write` adds for each piece.
  private mutating func rewrite(_ write: (Range<Int>, inout [UInt8]) -> Void) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(buffer.bytes.count + buffer.bytes.count / 4 + 4)
    var ends: [Int] = []
    for piece in pieces {
      write(piece, &bytes)
      ends.append(bytes.count)
    }
    buffer = ScalarBuffer(bytes)
    var start = 0
    pieces = ends.map { end in
      var index = start
      while buffer.offsets[index] < end { index += 1 }
      defer { start = index }
      return start..<index
    }
  }

  private mutating func writeSpaces(
    as replacement: UInt32, _ scheme: SplitStep.MetaspaceScheme
  ) {
    let spelling = Array(String(Unicode.Scalar(replacement) ?? " ").utf8)
    let text = self
    rewrite { piece, bytes in
      let first = text.buffer.values[piece.lowerBound]
      let isStart = piece.lowerBound == 0
      let wantsOne =
        switch scheme {
        case .always: true
        case .never: false
        case .first: text.isFirst && isStart
        }
      if wantsOne, first != 0x20, first != replacement, !(text.continues && isStart) {
        bytes += spelling
      }
      for byte in text.buffer.slice(piece) {
        if byte == 0x20 { bytes += spelling } else { bytes.append(byte) }
      }
    }
  }

  private mutating func addPrefixSpaces() {
    let text = self
    let needed = { (piece: Range<Int>) in
      text.buffer.values[piece.lowerBound] != 0x20 && !(text.continues && piece.lowerBound == 0)
    }
    guard pieces.contains(where: needed) else { return }
    rewrite { piece, bytes in
      if needed(piece) { bytes.append(0x20) }
      bytes += text.buffer.slice(piece)
    }
  }

  private mutating func spellBytes() {
    let spelled = ScalarBuffer(spelling: buffer.bytes)
    pieces = pieces.map { buffer.offsets[$0.lowerBound]..<buffer.offsets[$0.upperBound] }
    buffer = spelled
  }
}
