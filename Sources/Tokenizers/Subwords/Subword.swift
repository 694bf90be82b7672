/// How a word becomes tokens.
enum Subword: Sendable {
  case bytePair(BytePair)
  case scoredPairs(ScoredPairs)
  case unigram(Unigram)
  case wordPiece(WordPiece)
  case wordLevel(WordLevel)

  /// Adds the ids of a word.
  func encode(_ word: ArraySlice<UInt8>, _ scratch: inout Scratch, into ids: inout [Int32]) {
    if word.isEmpty { return }
    switch self {
    case .bytePair(let model): model.encode(word, &scratch, into: &ids)
    case .scoredPairs(let model): model.encode(word, into: &ids)
    case .unigram(let model): model.encode(Array(word), into: &ids)
    case .wordPiece(let model): model.encode(Array(word), into: &ids)
    case .wordLevel(let model): model.encode(word, into: &ids)
    }
  }

  /// Memory that words of a text use one after the other.
  struct Scratch {
    var tokens: [Int32] = []
    var merging = BytePairMerges.Scratch()
  }
}

/// The token of each byte in vocabularies that fall back to them, such as `<0x0A>`.
enum ByteToken {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The string of a byte's token.
  static func spelling(of byte: UInt8) -> [UInt8] {
    Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
  }

  /// The byte that a token stands for; nil where it is no byte's.
  static func byte(spelledBy token: [UInt8]) -> UInt8? {
    guard token.count == 6, let text = String(validating: token, as: UTF8.self),
      text.hasPrefix("<0x"), let byte = UInt8(text.dropFirst(3).dropLast(), radix: 16),
      spelling(of: byte) == token
    else { return nil }
    return byte
  }

  /// The token of each byte, −1 where there is none.
  static func table(_ ids: [[UInt8]: Int32]) -> [Int32] {
    (UInt8.min...UInt8.max).map { ids[spelling(of: $0)] ?? -1 }
  }
}
