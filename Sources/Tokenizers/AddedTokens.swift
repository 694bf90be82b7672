/// A token that is cut out of text before it is split (`formats/tokenizers.md` §5).
struct AddedToken: Sendable, Hashable {
  var id: Int32
  var content: [UInt8]
  /// Whether it is looked for after normalisation rather than before.
  var isNormalized = false
  /// Whether it is taken only where no word goes on before or behind it.
  var isSingleWord = false
  /// Whether white space before or behind it belongs to it.
  var stripsLeft = false
  var stripsRight = false
}

/// Tokens that are cut out of the text before it is split, such as `<|im_start|>`.
struct AddedTokens: Sendable {
  /// A piece of a text.
  enum Piece: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  private let table: PrefixTable
  private let tokens: [AddedToken]

  /// The tokens, each looked for as `spelling` writes it.
  init(_ tokens: [AddedToken], spelling: (AddedToken) -> [UInt8]) {
    self.tokens = tokens
    table = PrefixTable(
      tokens.enumerated().map { (spelling($0.element), Int32(clamping: $0.offset)) })
  }

  /// The pieces of `bytes`: at each place from the left the longest token that starts there.
  func pieces(of bytes: [UInt8]) -> [Piece] {
    if bytes.isEmpty { return [] }
    if table.isEmpty { return [.text(0..<bytes.count)] }
    var pieces: [Piece] = []
    var textStart = 0
    var index = 0
    while index < bytes.count {
      guard table.mayBegin(with: bytes[index]),
        let match = table.longest(of: bytes, from: index, to: bytes.count)
      else {
        index += 1
        continue
      }
      let token = tokens[Int(match.value)]
      var (start, end) = (index, index + match.count)
      index = end
      if token.isSingleWord,
        Self.endsWithWord(bytes[..<start]) || Self.startsWithWord(bytes[end...])
      {
        continue
      }
      // White space that another token has taken stays with it.
      if token.stripsLeft { start = max(Self.spaceStart(bytes[..<start]), textStart) }
      if token.stripsRight { end = Self.spaceEnd(bytes[end...]) }
      if textStart < start { pieces.append(.text(textStart..<start)) }
      pieces.append(.token(token.id))
      textStart = end
    }
    if textStart < bytes.count { pieces.append(.text(textStart..<bytes.count)) }
    return pieces
  }

  // MARK: - What lies around a token

  private static func endsWithWord(_ bytes: ArraySlice<UInt8>) -> Bool {
    lastScalar(bytes).map { CharacterClass.word.contains($0.value) } ?? false
  }

  private static func startsWithWord(_ bytes: ArraySlice<UInt8>) -> Bool {
    firstScalar(bytes).map { CharacterClass.word.contains($0.value) } ?? false
  }

  /// Where the white space at the end of `bytes` begins.
  private static func spaceStart(_ bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    while let scalar = lastScalar(rest), scalar.properties.isWhitespace {
      rest = rest.dropLast(UTF8.width(scalar))
    }
    return rest.endIndex
  }

  /// Where the white space at the beginning of `bytes` ends.
  private static func spaceEnd(_ bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    while let scalar = firstScalar(rest), scalar.properties.isWhitespace {
      rest = rest.dropFirst(UTF8.width(scalar))
    }
    return rest.startIndex
  }

  private static func firstScalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    String(decoding: bytes.prefix(4), as: UTF8.self).unicodeScalars.first
  }

  private static func lastScalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    let start = bytes.suffix(4).firstIndex { $0 & 0xc0 != 0x80 } ?? bytes.startIndex
    return String(decoding: bytes[start...], as: UTF8.self).unicodeScalars.last
  }
}
