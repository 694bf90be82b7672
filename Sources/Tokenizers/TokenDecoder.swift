/// What tokens stand for (`formats/tokenizers.md` §10).
enum TokenDecoder: Sendable, Hashable {
  /// Bytes by ``ByteAlphabet``.
  case byteLevel
  /// Text with another character for spaces, and tokens of single bytes.
  case spaced(space: [UInt8], PutInFront)
  /// Text; pieces that go on within a word begin with a prefix, others are words of their own.
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  /// Text; pieces that end a word end with a suffix.
  case suffixed([UInt8])
  /// Text as it is.
  case plain

  /// Where ``Tokenizer/encode(_:addSpecial:continues:)`` put a space in front, which a whole text does not have.
  enum PutInFront: Sendable, Hashable { case never, ofText, ofEveryPiece }

  /// What a token that is not literal stands for.
  func bytes(of token: [UInt8]) -> [UInt8] {
    switch self {
    case .byteLevel: ByteAlphabet.bytes(spelledBy: token) ?? token
    case .spaced(let space, _):
      if let byte = ByteToken.byte(spelledBy: token) {
        [byte]
      } else {
        Self.replacing(space, token)
      }
    case .suffixed(let suffix):
      token.reversed().starts(with: suffix.reversed())
        ? token.dropLast(suffix.count) + [0x20] : token
    case .wordPiece, .plain: token
    }
  }

  private static func replacing(_ space: [UInt8], _ token: [UInt8]) -> [UInt8] {
    guard !space.isEmpty else { return token }
    var result: [UInt8] = []
    var rest = token[...]
    while let first = rest.first {
      let isSpace = rest.starts(with: space)
      result.append(isSpace ? 0x20 : first)
      rest = rest.dropFirst(isSpace ? space.count : 1)
    }
    return result
  }

  /// What the tokenizers of BERT's kind take away before punctuation and contractions.
  static func cleaned(_ bytes: [UInt8]) -> [UInt8] {
    var text = String(decoding: bytes, as: UTF8.self)
    for (old, new) in [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ] where text.utf8.count >= old.utf8.count {
      text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
    return Array(text.utf8)
  }
}
