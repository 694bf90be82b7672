internal import Faults

/// Byte-pair encoding by a list of merges (`formats/tokenizers.md` §7): a word's bytes or characters, joined two by
/// two.
struct BytePair: Sendable {
  /// What a file says beside strings and merges.
  struct Options: Sendable {
    /// Whether words are bytes that the strings spell by ``ByteAlphabet``, rather than text.
    var isByteLevel = true
    /// Whether a word that is itself a token is taken whole.
    var takesWholeWords = false
    /// Whether characters without a token become the tokens of their bytes.
    var fallsBackToBytes = false
    /// The token for what nothing else spells; nil where that is dropped.
    var unknown: Int32?
    /// Whether several characters in a row that nothing spells are one unknown token.
    var fusesUnknown = false
    /// What characters behind the first have in front, such as `##`, and the last has behind, such as `</w>`.
    var continuingPrefix: [UInt8] = []
    var endSuffix: [UInt8] = []
    /// Whether of two merges of one pair the last counts rather than the first.
    var lastMergeCounts = false
  }

  private let options: Options
  private let merges: BytePairMerges
  /// The token of each byte: of the alphabet, or such as `<0x0A>`; −1 where there is none.
  private let byteTokens: [Int32]
  /// Tokens of one character.
  private let characterTokens: [UInt32: Int32]
  /// Whole words by their bytes, where asked for, and where characters have affixes all tokens.
  private let words: [[UInt8]: Int32]

  /// The tables of a vocabulary.
  ///
  /// - Parameters:
  ///   - ids: Ids by string.
  ///   - pairs: Merges, best first.
  /// - Throws: 65 `TK-MERGE` for a merge of strings that are not tokens.
  init(
    _ options: Options, ids: [[UInt8]: Int32], pairs: [(left: [UInt8], right: [UInt8])]
  ) throws(Fault) {
    self.options = options
    var merges = BytePairMerges(capacity: pairs.count)
    for (index, pair) in pairs.enumerated() {
      let right = pair.right.dropFirst(
        pair.right.starts(with: options.continuingPrefix) ? options.continuingPrefix.count : 0)
      guard let rank = Int32(exactly: index), let first = ids[pair.left],
        let second = ids[pair.right], let merged = ids[pair.left + right]
      else {
        throw Fault(
          .badData, "TK-MERGE",
          "merge \(index), \"\(MergeLine.text(pair.left)) \(MergeLine.text(pair.right))\", names a string "
            + "that is not a token")
      }
      merges.add(
        left: first, right: second, rule: .init(rank: rank, merged: merged),
        replaces: options.lastMergeCounts)
    }
    self.merges = merges
    if options.isByteLevel {
      byteTokens = (UInt8.min...UInt8.max).map { ids[ByteAlphabet.spelling(of: $0)] ?? -1 }
      characterTokens = [:]
    } else {
      byteTokens = options.fallsBackToBytes ? ByteToken.table(ids) : []
      characterTokens = Self.characters(ids)
    }
    if options.takesWholeWords && options.isByteLevel {
      var words: [[UInt8]: Int32] = Dictionary(minimumCapacity: ids.count)
      for (token, id) in ids {
        if let bytes = ByteAlphabet.bytes(spelledBy: token) { words[bytes] = id }
      }
      self.words = words
    } else {
      words = options.takesWholeWords || options.hasAffixes ? ids : [:]
    }
  }

  private static func characters(_ ids: [[UInt8]: Int32]) -> [UInt32: Int32] {
    var result: [UInt32: Int32] = [:]
    for (token, id) in ids where (1...4).contains(token.count) {
      guard let text = String(validating: token, as: UTF8.self) else { continue }
      let scalars = text.unicodeScalars
      if let first = scalars.first, scalars.count == 1 { result[first.value] = id }
    }
    return result
  }

  /// Adds the ids of a word.
  func encode(
    _ word: ArraySlice<UInt8>, _ scratch: inout Subword.Scratch, into ids: inout [Int32]
  ) {
    if options.takesWholeWords, let id = words[Array(word)] {
      ids.append(id)
      return
    }
    scratch.tokens.removeAll(keepingCapacity: true)
    if options.isByteLevel {
      spellBytes(word, into: &scratch.tokens)
    } else {
      spellCharacters(word, into: &scratch.tokens)
    }
    merges.merge(&scratch.tokens, &scratch.merging)
    ids += scratch.tokens
  }

  /// Each byte's token; a byte without one is unknown, or dropped as the original implementation does.
  private func spellBytes(_ word: ArraySlice<UInt8>, into tokens: inout [Int32]) {
    var followsUnknown = false
    for byte in word {
      let token = byteTokens[Int(byte)]
      if token >= 0 {
        tokens.append(token)
      } else if let unknown = options.unknown, !(followsUnknown && options.fusesUnknown) {
        tokens.append(unknown)
      }
      followsUnknown = token < 0
    }
  }

  /// Each character's token, else those of its bytes, else the unknown one.
  ///
  /// That waits for the next character with a
  /// token of its own, so that bytes go before it, as in the original library.
  private func spellCharacters(_ word: ArraySlice<UInt8>, into tokens: inout [Int32]) {
    var waits = false
    let text = String(decoding: word, as: UTF8.self).unicodeScalars
    var index = text.startIndex
    while index < text.endIndex {
      let scalar = text[index]
      let isFirst = index == text.startIndex
      index = text.index(after: index)
      let token =
        options.hasAffixes
        ? affixed(scalar, isFirst: isFirst, isLast: index == text.endIndex)
        : characterTokens[scalar.value]
      if let token {
        if waits, let unknown = options.unknown { tokens.append(unknown) }
        waits = false
        tokens.append(token)
        continue
      }
      if options.fallsBackToBytes, appendBytes(of: scalar, to: &tokens) { continue }
      guard let unknown = options.unknown else { continue }
      if waits, !options.fusesUnknown { tokens.append(unknown) }
      waits = true
    }
    if waits, let unknown = options.unknown { tokens.append(unknown) }
  }

  private func affixed(_ scalar: Unicode.Scalar, isFirst: Bool, isLast: Bool) -> Int32? {
    var string = isFirst ? [] : options.continuingPrefix
    string += String(scalar).utf8
    if isLast { string += options.endSuffix }
    return words[string]
  }

  private func appendBytes(of scalar: Unicode.Scalar, to tokens: inout [Int32]) -> Bool {
    guard let bytes = UTF8.encode(scalar), bytes.allSatisfy({ byteTokens[Int($0)] >= 0 }) else {
      return false
    }
    for byte in bytes { tokens.append(byteTokens[Int(byte)]) }
    return true
  }
}

extension BytePair.Options {
  var hasAffixes: Bool { !continuingPrefix.isEmpty || !endSuffix.isEmpty }
}
