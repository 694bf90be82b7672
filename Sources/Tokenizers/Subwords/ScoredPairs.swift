/// Byte-pair encoding on whole texts in the manner of SentencePiece (`formats/tokenizers.md` §7.4): of all adjacent
/// pieces those go together whose joined piece has the best score.
struct ScoredPairs: Sendable {
  /// The place of each id's score among all of them; lower is better, equal scores share one.
  private let ranks: [Int32]
  private let unknown: Int32?
  /// Ids by spelling.
  private let pieces: [[UInt8]: Int32]
  /// The token of each byte, −1 where there is none.
  private let byteTokens: [Int32]
  private let longestPiece: Int

  init(ids: [[UInt8]: Int32], scores: [Float], unknown: Int32?) {
    pieces = ids
    ranks = Self.ranks(scores)
    self.unknown = unknown
    byteTokens = ByteToken.table(ids)
    longestPiece = ids.keys.lazy.map(\.count).max() ?? 0
  }

  private static func ranks(_ scores: [Float]) -> [Int32] {
    let sorted = Set(scores).sorted(by: >)
    var places: [Float: Int32] = Dictionary(minimumCapacity: sorted.count)
    for (index, score) in sorted.enumerated() { places[score] = Int32(clamping: index) }
    return scores.map { places[$0] ?? .max }
  }

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

  /// A piece's token, else those of its bytes, else the unknown one.
  private func spell(_ piece: ArraySlice<UInt8>, into ids: inout [Int32]) {
    if let id = pieces[Array(piece)] {
      ids.append(id)
    } else if piece.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
      for byte in piece { ids.append(byteTokens[Int(byte)]) }
    } else if let unknown {
      ids.append(unknown)
    }
  }

  /// Joins the pair with the best score, leftmost on ties, until no joined pair is a piece: O(n log n).
  func encode(_ bytes: ArraySlice<UInt8>, into ids: inout [Int32]) {
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
      spell(bytes[start..<start + Int(lengths[index])], into: &ids)
      index = next[index]
    }
  }
}
