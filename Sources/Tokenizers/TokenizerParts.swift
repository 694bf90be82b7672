internal import Faults

/// What every source of a tokenizer is brought to before its tables are built.
struct TokenizerParts {
  /// A token that is cut out of text.
  struct Added {
    var id: Int32
    var content: [UInt8]
    /// Whether it is looked for after normalisation rather than before.
    var isNormalized: Bool
  }

  /// Vocabulary strings by id, in the byte alphabet; nil for ids nothing uses.
  var tokens: [[UInt8]?]
  /// Pairs of vocabulary strings, best first.
  var merges: [(left: [UInt8], right: [UInt8])]
  var added: [Added]
  /// How text is cut into words; nil with ``sentencePiece``.
  var preTokenizer: PreTokenizer?
  var takesWholeWords: Bool
  var normalizesToNFC: Bool
  var beginOfSequence: Int32?
  var endOfSequence: Int32?
  /// Set for vocabularies in the manner of SentencePiece, whose strings are text and not the byte alphabet.
  var sentencePiece: SentencePieceOptions?
  /// What `addSpecial` puts before and after a text.
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  /// How a vocabulary in the manner of SentencePiece is used; see ``SentencePiece``.
  struct SentencePieceOptions {
    /// Scores by id; nil where merges decide.
    var scores: [Float]?
    var prefix: SentencePiece.Prefix
    var normalizes: Bool
    var splitsWords = false
    var takesWholeWords = false
    var fusesUnknown = false
    /// Whether characters that no piece spells become their bytes.
    var fallsBackToBytes = true
    var unknown: Int32?
  }

  /// The tables of the tokenizer.
  struct Tables {
    var tokenBytes: [[UInt8]] = []
    /// The token of each byte, −1 where there is none.
    var byteTokens = [Int32](repeating: -1, count: 256)
    var wholeWords: [[UInt8]: Int32] = [:]
    /// All tokens by their strings, for ``SentencePiece`` alone.
    var pieces: [[UInt8]: Int32] = [:]
    var merges: BytePairMerges
    var rawTokens = AddedTokens()
    var normalizedTokens = AddedTokens()
  }

  /// Builds the tables.
  ///
  /// - Throws: 65 `TK-DUP` for a token that occurs twice, 65 `TK-MERGE` for a merge of strings that
  ///   are not tokens.
  func vocabulary() throws(Fault) -> Tables {
    var tables = Tables(merges: BytePairMerges(capacity: merges.count))
    let addedIDs = Set(added.map(\.id))
    var ids: [[UInt8]: Int32] = Dictionary(minimumCapacity: tokens.count)
    tables.tokenBytes.reserveCapacity(tokens.count)
    for (index, token) in tokens.enumerated() {
      guard let token, let id = Int32(exactly: index) else {
        tables.tokenBytes.append([])
        continue
      }
      guard ids.updateValue(id, forKey: token) == nil else {
        throw Fault(.badData, "TK-DUP", "token \"\(Self.text(token))\" occurs twice")
      }
      // Added tokens are literal text; the others spell bytes.
      let bytes = addedIDs.contains(id) ? nil : bytes(spelledBy: token)
      tables.tokenBytes.append(bytes ?? token)
      if takesWholeWords, let bytes { tables.wholeWords[bytes] = id }
    }
    for byte in UInt8.min...UInt8.max where sentencePiece?.fallsBackToBytes ?? true {
      let spelling =
        sentencePiece == nil
        ? ByteAlphabet.spelling(of: byte) : Self.byteToken(byte)
      tables.byteTokens[Int(byte)] = ids[spelling] ?? -1
    }
    if sentencePiece != nil { tables.pieces = ids }
    try addMerges(to: &tables, ids)
    for token in added {
      if token.isNormalized {
        // The original library normalises their texts as it does what they are looked for in.
        var content = token.content
        if let options = sentencePiece, options.normalizes {
          content = SentencePiece.replacingSpaces(content)
          if options.prefix == .prepended { content = SentencePiece.space + content }
        }
        tables.normalizedTokens.add(content, id: token.id)
      } else {
        tables.rawTokens.add(token.content, id: token.id)
      }
    }
    return tables
  }

  /// What a token that is not literal stands for; nil where it spells nothing.
  private func bytes(spelledBy token: [UInt8]) -> [UInt8]? {
    guard sentencePiece != nil else { return ByteAlphabet.bytes(spelledBy: token) }
    if token.count == 6, let text = String(validating: token, as: UTF8.self),
      text.hasPrefix("<0x"), let byte = UInt8(text.dropFirst(3).dropLast(), radix: 16),
      Self.byteToken(byte) == token
    {
      return [byte]
    }
    var result: [UInt8] = []
    var rest = token[...]
    while let first = rest.first {
      let isSpace = rest.starts(with: SentencePiece.space)
      result.append(isSpace ? 0x20 : first)
      rest = rest.dropFirst(isSpace ? SentencePiece.space.count : 1)
    }
    return result
  }

  /// The string of a byte's token, such as `<0x0A>`.
  private static func byteToken(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
  }

  private func addMerges(to tables: inout Tables, _ ids: [[UInt8]: Int32]) throws(Fault) {
    for (index, merge) in merges.enumerated() {
      guard let rank = Int32(exactly: index), let left = ids[merge.left],
        let right = ids[merge.right], let merged = ids[merge.left + merge.right]
      else {
        throw Fault(
          .badData, "TK-MERGE",
          "merge \(index), \"\(Self.text(merge.left)) \(Self.text(merge.right))\", names a string "
            + "that is not a token")
      }
      tables.merges.add(left: left, right: right, rule: .init(rank: rank, merged: merged))
    }
  }

  /// A token for a message.
  static func text(_ token: [UInt8]) -> String { String(decoding: token, as: UTF8.self) }
}
