internal import Faults
internal import JSON

/// The subword model and its vocabulary (`formats/tokenizers.md` §7–§9).
extension TokenizerJSON {
  /// Strings by id, added tokens included, and the model.
  func readModel(
    _ splitter: [SplitStep], _ added: [(token: AddedToken, isSpecial: Bool)]
  ) throws(Fault) -> (tokens: [[UInt8]?], model: TokenizerDescription.Model) {
    let model = root["model"]
    let type = try model["type"].isPresent ? model["type"].string() : "BPE"
    let isByteLevel = splitter.contains(where: \.isByteLevel)
    guard let kind = TokenizerJSONModel(rawValue: type) else {
      throw try Self.unsupported("model.type", model)
    }
    guard !isByteLevel || kind == .bytePair else {
      throw Fault(
        .unsupported, "TK-UNSUPPORTED",
        "model.type \"\(Fault.escaped(type, limit: 64))\" of words as bytes is not supported")
    }
    let added = added.map(\.token)
    switch kind {
    case .bytePair:
      let tokens = try vocabulary(model["vocab"], added)
      let options = try bytePairOptions(model, tokens, isByteLevel: isByteLevel)
      return (tokens, .bytePair(options, merges: try merges(model["merges"])))
    case .unigram: return try unigram(model, added)
    case .wordPiece:
      let tokens = try vocabulary(model["vocab"], added)
      let prefix = model["continuing_subword_prefix"]
      let longest = model["max_input_chars_per_word"]
      return (
        tokens,
        .wordPiece(
          prefix: Array(try prefix.isPresent ? prefix.string().utf8 : "##".utf8),
          unknown: try unknown(model, tokens, usual: "[UNK]"),
          longestWord: try longest.isPresent ? longest.int(in: 0...Int(Int32.max)) : 100)
      )
    case .wordLevel:
      let tokens = try vocabulary(model["vocab"], added)
      return (tokens, .wordLevel(unknown: try unknown(model, tokens, usual: "<unk>")))
    }
  }

  /// The id of `unk_token`, without which words that are no tokens have none.
  private func unknown(
    _ model: JSONField, _ tokens: [[UInt8]?], usual: String
  ) throws(Fault) -> Int32 {
    let field = model["unk_token"]
    let name = try field.isPresent ? field.string() : usual
    guard let id = tokens.firstIndex(of: Array(name.utf8)).flatMap({ Int32(exactly: $0) }) else {
      throw field.fault("\"\(Fault.escaped(name, limit: 64))\" is not a token")
    }
    return id
  }

  // MARK: - Byte pairs

  private func bytePairOptions(
    _ model: JSONField, _ tokens: [[UInt8]?], isByteLevel: Bool
  ) throws(Fault) -> BytePair.Options {
    let dropout = model["dropout"]
    if dropout.isPresent, try dropout.double() != 0 {
      throw Fault(.unsupported, "TK-UNSUPPORTED", "model.dropout is not supported")
    }
    func text(_ key: String) throws(Fault) -> [UInt8] {
      try model[key].isPresent ? Array(model[key].string().utf8) : []
    }
    var options = BytePair.Options(
      isByteLevel: isByteLevel, takesWholeWords: try Self.flag(model["ignore_merges"], false),
      fallsBackToBytes: try Self.flag(model["byte_fallback"], false),
      fusesUnknown: try Self.flag(model["fuse_unk"], false),
      continuingPrefix: try text("continuing_subword_prefix"),
      endSuffix: try text("end_of_word_suffix"), lastMergeCounts: true)
    if model["unk_token"].isPresent {
      // A name without a token counts only where something is unknown.
      let name = Array(try model["unk_token"].string().utf8)
      options.unknown = tokens.firstIndex(of: name).flatMap { Int32(exactly: $0) }
    }
    guard isByteLevel else { return options }
    if options.hasAffixes {
      throw Fault(
        .unsupported, "TK-UNSUPPORTED", "prefixes and suffixes of words as bytes are not supported")
    }
    if options.fallsBackToBytes {
      // Then nothing falls back, or it falls back to bytes of the alphabet's spelling.
      let known = Set(tokens.compactMap { $0 })
      guard (UInt8.min...UInt8.max).allSatisfy({ known.contains(ByteAlphabet.spelling(of: $0)) })
      else {
        throw Fault(
          .unsupported, "TK-UNSUPPORTED", "byte_fallback of an alphabet that lacks bytes")
      }
      options.fallsBackToBytes = false
    }
    return options
  }

  /// Vocabulary strings by id, added tokens included.
  private func vocabulary(
    _ field: JSONField, _ added: [AddedToken]
  ) throws(Fault) -> [[UInt8]?] {
    let members = try field.object().members
    var table = IDTable(expected: members.count + added.count)
    for member in members {
      guard let id = member.value.intValue else {
        throw Fault(
          .badData, "TK-JSON",
          "the id of token \"\(Fault.escaped(member.key, limit: 64))\" is not an integer")
      }
      try table.place(Array(member.key.utf8), id)
    }
    for token in added { try table.place(token.content, Int(token.id)) }
    return table.tokens
  }

  /// Strings by id while they are read.
  private struct IDTable {
    private(set) var tokens: [[UInt8]?] = []
    /// Ids may have holes, but not more than a table of this size; nothing is allocated from them.
    private let limit: Int
    private let expected: Int

    init(expected: Int) {
      self.expected = expected
      limit = 2 * expected + 1024
    }

    mutating func place(_ content: [UInt8], _ id: Int) throws(Fault) {
      guard id >= 0, id < limit else {
        throw Fault(.badData, "TK-JSON", "token id \(id) among \(expected) tokens")
      }
      while tokens.count <= id { tokens.append(nil) }
      if let present = tokens[id], present != content {
        throw Fault(.badData, "TK-DUP", "two tokens have the id \(id)")
      }
      tokens[id] = content
    }
  }

  /// Merges as `"a b"` or `["a", "b"]`.
  private func merges(_ field: JSONField) throws(Fault) -> [(left: [UInt8], right: [UInt8])] {
    guard let list = field.value?.arrayValue else { throw field.fault("expected an array") }
    var result: [(left: [UInt8], right: [UInt8])] = []
    result.reserveCapacity(list.count)
    for (index, item) in list.enumerated() {
      if let pair = item.arrayValue, pair.count == 2, let left = pair[0].stringValue,
        let right = pair[1].stringValue
      {
        result.append((Array(left.utf8), Array(right.utf8)))
      } else if let line = item.stringValue {
        result.append(try MergeLine.split(Array(line.utf8), index: index))
      } else {
        throw Fault(.badData, "TK-JSON", "merge \(index) is neither a string nor a pair")
      }
    }
    return result
  }

  // MARK: - Unigram

  private func unigram(
    _ model: JSONField, _ added: [AddedToken]
  ) throws(Fault) -> (tokens: [[UInt8]?], model: TokenizerDescription.Model) {
    guard let list = model["vocab"].value?.arrayValue else {
      throw model["vocab"].fault("expected an array of pieces and scores")
    }
    var table = IDTable(expected: list.count + added.count)
    var scores: [Double] = []
    scores.reserveCapacity(list.count)
    for (index, item) in list.enumerated() {
      guard let pair = item.arrayValue, pair.count == 2, let piece = pair[0].stringValue,
        let score = pair[1].doubleValue
      else { throw Fault(.badData, "TK-JSON", "piece \(index) is not a string and a score") }
      try table.place(Array(piece.utf8), index)
      scores.append(score)
    }
    for token in added { try table.place(token.content, Int(token.id)) }
    let field = model["unk_id"]
    guard field.isPresent else {
      throw Fault(.unsupported, "TK-UNSUPPORTED", "model.unk_id: null is not supported")
    }
    guard !list.isEmpty else { throw model["vocab"].fault("there are no pieces") }
    let parts = TokenizerDescription.UnigramParts(
      scores: scores, unknown: Int32(try field.int(in: 0...list.count - 1)),
      fallsBackToBytes: try Self.flag(model["byte_fallback"], false))
    return (table.tokens, .unigram(parts))
  }
}
