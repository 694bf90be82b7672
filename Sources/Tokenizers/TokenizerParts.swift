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
  var preTokenizer: PreTokenizer
  var takesWholeWords: Bool
  var normalizesToNFC: Bool
  var beginOfSequence: Int32?
  var endOfSequence: Int32?
  /// What `addSpecial` puts before and after a text.
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  /// The tables of the tokenizer.
  struct Tables {
    var tokenBytes: [[UInt8]] = []
    /// The token of each byte, −1 where there is none.
    var byteTokens = [Int32](repeating: -1, count: 256)
    var wholeWords: [[UInt8]: Int32] = [:]
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
      let bytes = addedIDs.contains(id) ? nil : ByteAlphabet.bytes(spelledBy: token)
      tables.tokenBytes.append(bytes ?? token)
      if takesWholeWords, let bytes { tables.wholeWords[bytes] = id }
    }
    for byte in UInt8.min...UInt8.max {
      tables.byteTokens[Int(byte)] = ids[ByteAlphabet.spelling(of: byte)] ?? -1
    }
    try addMerges(to: &tables, ids)
    for token in added {
      if token.isNormalized {
        tables.normalizedTokens.add(token.content, id: token.id)
      } else {
        tables.rawTokens.add(token.content, id: token.id)
      }
    }
    return tables
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
