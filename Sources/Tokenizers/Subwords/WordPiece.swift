/// Words as the longest pieces from the left; a word that cannot be written so is unknown (`formats/tokenizers.md` §9).
struct WordPiece: Sendable {
  private let first: PrefixTable
  private let following: PrefixTable
  private let unknown: Int32
  /// Characters of the longest word that is not unknown by its length.
  private let longestWord: Int

  /// A model of strings with their ids; pieces that go on within a word begin with `prefix`.
  init(
    pieces: [(bytes: [UInt8], value: Int32)], prefix: [UInt8], unknown: Int32, longestWord: Int
  ) {
    first = PrefixTable(pieces)
    following = PrefixTable(
      pieces.lazy.filter { $0.bytes.starts(with: prefix) }
        .map { (Array($0.bytes.dropFirst(prefix.count)), $0.value) })
    self.unknown = unknown
    self.longestWord = longestWord
  }

  func encode(_ word: [UInt8], into ids: inout [Int32]) {
    let count = ids.count
    let length = word.count { $0 & 0xc0 != 0x80 }
    var start = 0
    while start < word.count, length <= longestWord {
      let table = start == 0 ? first : following
      guard let piece = table.longest(of: word, from: start, to: word.count) else { break }
      ids.append(piece.value)
      start += piece.count
    }
    guard start < word.count else { return }
    ids.removeSubrange(count...)
    ids.append(unknown)
  }
}

/// Words that are tokens, others are unknown.
struct WordLevel: Sendable {
  let ids: [[UInt8]: Int32]
  let unknown: Int32

  func encode(_ word: ArraySlice<UInt8>, into result: inout [Int32]) {
    result.append(ids[Array(word)] ?? unknown)
  }
}
