/// Byte-pair encoding on whole texts in the manner of SentencePiece (`formats/tokenizers.md` §9).
///
/// Spaces are written U+2581, a text may begin with one more, and characters that no piece spells become one token for
/// each of their bytes.
struct SentencePiece: Sendable {
  /// Which adjacent pieces are joined first.
  enum Order: Sendable {
    /// The pair whose joined piece has the best score; ranks by id, lower is better.
    case scores([Int32])
    /// The pair that comes first in a list of merges.
    case merges(BytePairMerges)
  }

  /// When a text gets a space in front.
  enum Prefix: Sendable {
    /// Never.
    case none
    /// Always, before normalised added tokens are looked for.
    case prepended
    /// At every piece of text that does not begin with one.
    case everyPiece
    /// At the beginning of the whole text, unless it begins with one.
    case firstPiece
  }

  /// U+2581, which stands for a space.
  static let space: [UInt8] = [0xe2, 0x96, 0x81]

  let order: Order
  let prefix: Prefix
  /// Whether spaces are written U+2581 before normalised added tokens are looked for, rather than after.
  let normalizes: Bool
  /// Whether no piece reaches over the beginning of a word.
  let splitsWords: Bool
  /// Whether a word that is itself a piece is taken whole.
  let takesWholeWords: Bool
  /// Whether several characters in a row that nothing spells are one unknown token.
  let fusesUnknown: Bool
  let unknown: Int32?
  /// Ids by spelling.
  let pieces: [[UInt8]: Int32]
  /// The token of each byte, −1 where there is none.
  let byteTokens: [Int32]
  private let longestPiece: Int

  init(_ options: TokenizerParts.SentencePieceOptions, tables: TokenizerParts.Tables) {
    prefix = options.prefix
    normalizes = options.normalizes
    splitsWords = options.splitsWords
    takesWholeWords = options.takesWholeWords
    fusesUnknown = options.fusesUnknown
    unknown = options.unknown
    pieces = tables.pieces
    byteTokens = tables.byteTokens
    longestPiece = pieces.keys.lazy.map(\.count).max() ?? 0
    order = options.scores.map { .scores(Self.ranks($0)) } ?? .merges(tables.merges)
  }

  /// The place of each score among all of them, best first; equal scores share one.
  private static func ranks(_ scores: [Float]) -> [Int32] {
    let sorted = Set(scores).sorted(by: >)
    var places: [Float: Int32] = Dictionary(minimumCapacity: sorted.count)
    for (index, score) in sorted.enumerated() { places[score] = Int32(clamping: index) }
    return scores.map { places[$0] ?? .max }
  }

  /// Whether text after an added token begins with a space of ours.
  var spacesEveryPiece: Bool { prefix == .prepended || prefix == .everyPiece }

  // MARK: - Text

  /// `bytes` as normalised added tokens are looked for in it.
  func normalized(_ bytes: ArraySlice<UInt8>, continues: Bool) -> [UInt8] {
    guard normalizes else { return Array(bytes) }
    return (prefix == .prepended && !continues ? Self.space : []) + Self.replacingSpaces(bytes)
  }

  static func replacingSpaces(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for byte in bytes {
      if byte == 0x20 { result += space } else { result.append(byte) }
    }
    return result
  }

  /// Adds the ids of a piece of normalised text.
  ///
  /// - Parameter isFirst: Whether the whole text begins with it.
  func encode(
    _ text: ArraySlice<UInt8>, isFirst: Bool, continues: Bool, into ids: inout [Int32]
  ) {
    var bytes = normalizes ? Array(text) : Self.replacingSpaces(text)
    let wantsPrefix =
      switch prefix {
      case .none, .prepended: false
      case .everyPiece: true
      case .firstPiece: isFirst
      }
    if wantsPrefix, !continues, !bytes.starts(with: Self.space) { bytes = Self.space + bytes }
    for word in words(bytes) { encodeWord(bytes[word], into: &ids) }
  }

  /// The parts that are merged on their own: each U+2581 begins one, or there is one in all.
  private func words(_ bytes: [UInt8]) -> [Range<Int>] {
    guard splitsWords, !bytes.isEmpty else { return [bytes.indices] }
    var words: [Range<Int>] = []
    var start = 0
    for index in 1..<max(bytes.count, 1) where bytes[index...].starts(with: Self.space) {
      words.append(start..<index)
      start = index
    }
    words.append(start..<bytes.count)
    return words
  }

  private func encodeWord(_ bytes: ArraySlice<UInt8>, into ids: inout [Int32]) {
    if bytes.isEmpty { return }
    if takesWholeWords, let id = pieces[Array(bytes)] {
      ids.append(id)
      return
    }
    switch order {
    case .scores(let ranks): encode(bytes, ranks: ranks, into: &ids)
    case .merges(let merges):
      var tokens: [Int32] = []
      spell(Self.characters(bytes).map { bytes[$0] }, into: &tokens)
      merges.merge(&tokens)
      ids += tokens
    }
  }

  // MARK: - Characters

  /// Where the characters of valid UTF-8 lie; what is not valid goes byte by byte.
  private static func characters(_ bytes: ArraySlice<UInt8>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    result.reserveCapacity(bytes.count)
    var index = bytes.startIndex
    while index < bytes.endIndex {
      var end = index + 1
      if bytes[index] >= 0xc0 {
        while end < bytes.endIndex, bytes[end] & 0xc0 == 0x80 { end += 1 }
      }
      result.append(index..<end)
      index = end
    }
    return result
  }

  /// Each character's token, else those of its bytes, else the unknown one.
  private func spell(_ characters: [ArraySlice<UInt8>], into ids: inout [Int32]) {
    var followsUnknown = false
    for character in characters {
      if let id = pieces[Array(character)] {
        ids.append(id)
        followsUnknown = false
        continue
      }
      let bytes = character.map { byteTokens[Int($0)] }
      if bytes.allSatisfy({ $0 >= 0 }) {
        ids += bytes
        followsUnknown = false
      } else if let unknown {
        if !(followsUnknown && fusesUnknown) { ids.append(unknown) }
        followsUnknown = true
      }
    }
  }

  // MARK: - Scores

  /// Joins the pair with the best score, leftmost on ties, until no joined pair is a piece: O(n log n).
  private func encode(_ bytes: ArraySlice<UInt8>, ranks: [Int32], into ids: inout [Int32]) {
    let characters = Self.characters(bytes)
    // What is at each place and still there: begins at its character, as long as all that was joined to it.
    var lengths = characters.map { Int32(clamping: $0.count) }
    var next = Array(1...characters.count)
    var previous = Array(-1..<characters.count - 1)
    var heap = MergeHeap()
    func push(_ left: Int, _ right: Int) {
      let count = Int(lengths[left]) + Int(lengths[right])
      let start = characters[left].lowerBound
      guard count <= longestPiece, let id = pieces[Array(bytes[start..<start + count])] else {
        return
      }
      let rule = BytePairMerges.Rule(rank: ranks[Int(id)], merged: id)
      heap.push(MergeHeap.Entry(rule, at: left, lengths[left], lengths[right]))
    }
    for index in 1..<max(characters.count, 1) { push(index - 1, index) }
    while let entry = heap.pop() {
      let left = entry.position
      let right = next[left]
      // Entries outlive the pair they were made for; such are passed over. Joined places have length 0.
      guard right < characters.count, lengths[left] == entry.left, lengths[right] == entry.right
      else { continue }
      lengths[left] += lengths[right]
      lengths[right] = 0
      let after = next[right]
      next[left] = after
      if after < characters.count {
        previous[after] = left
        push(left, after)
      }
      if previous[left] >= 0 { push(previous[left], left) }
    }
    var index = 0
    while index < characters.count {
      let start = characters[index].lowerBound
      spell([bytes[start..<start + Int(lengths[index])]], into: &ids)
      index = next[index]
    }
  }
}
