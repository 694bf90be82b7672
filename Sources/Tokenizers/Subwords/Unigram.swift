/// The most likely way to write a text in pieces, each as likely as its score says (`formats/tokenizers.md` §8).
struct Unigram: Sendable {
  private let table: PrefixTable
  private let scores: [Double]
  private let unknown: Int32?
  private let unknownScore: Double
  /// The token of each byte for pieces that are none, −1 where there is none; empty without such.
  private let byteTokens: [Int32]

  /// What characters without a piece cost beside the least likely one.
  private static let penalty = 10.0

  /// A model of pieces.
  ///
  /// - Parameters:
  ///   - pieces: Strings with their ids.
  ///   - scores: Logarithms of probabilities by id, finite.
  ///   - lowest: The least of those that count for what is unknown.
  ///   - unknown: The token for what no piece spells; nil where that is dropped.
  init(
    pieces: [(bytes: [UInt8], value: Int32)], scores: [Double], lowest: Double, unknown: Int32?,
    byteTokens: [Int32] = []
  ) {
    table = PrefixTable(pieces)
    self.scores = scores
    self.unknown = unknown
    self.byteTokens = byteTokens
    unknownScore = lowest - Self.penalty
  }

  /// The best way to each place in the text.
  private struct Step {
    var score = 0.0
    /// Where its last piece begins; −1 where no way leads here yet.
    var start = -1
    /// That piece; −1 for what is unknown.
    var piece: Int32 = -1

    mutating func offer(_ score: Double, from start: Int, _ piece: Int32) {
      guard self.start < 0 || score > self.score else { return }
      self = Step(score: score, start: start, piece: piece)
    }
  }

  func encode(_ text: [UInt8], into ids: inout [Int32]) {
    var steps = [Step](repeating: Step(), count: text.count + 1)
    var start = 0
    while start < text.count {
      let width = Self.width(text, start)
      let score = steps[start].score
      var hasCharacter = false
      table.prefixes(of: text, from: start, to: text.count) { count, piece in
        steps[start + count].offer(score + scores[Int(piece)], from: start, piece)
        if count == width { hasCharacter = true }
      }
      if !hasCharacter { steps[start + width].offer(score + unknownScore, from: start, -1) }
      start += width
    }
    collect(text, steps, into: &ids)
  }

  /// The pieces from the end, what is unknown in a row as one.
  private func collect(_ text: [UInt8], _ steps: [Step], into ids: inout [Int32]) {
    var pieces: [(range: Range<Int>, piece: Int32)] = []
    var end = text.count
    while end > 0, steps[end].start >= 0 {
      let step = steps[end]
      let isUnknown = step.piece < 0 || step.piece == unknown
      if isUnknown, let last = pieces.last, last.piece < 0 {
        pieces[pieces.count - 1].range = step.start..<last.range.upperBound
      } else {
        pieces.append((step.start..<end, isUnknown ? -1 : step.piece))
      }
      end = step.start
    }
    for piece in pieces.reversed() {
      if piece.piece >= 0 {
        ids.append(piece.piece)
      } else {
        appendUnknown(text[piece.range], into: &ids)
      }
    }
  }

  /// What is unknown together may be a piece, as is the unknown token's own spelling.
  private func appendUnknown(_ text: ArraySlice<UInt8>, into ids: inout [Int32]) {
    let bytes = Array(text)
    if let piece = table.longest(of: bytes, from: 0, to: bytes.count), piece.count == bytes.count {
      ids.append(piece.value)
    } else if !byteTokens.isEmpty, text.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
      for byte in text { ids.append(byteTokens[Int(byte)]) }
    } else if let unknown {
      ids.append(unknown)
    }
  }

  /// Bytes of the character at a place, within the text.
  private static func width(_ text: [UInt8], _ start: Int) -> Int {
    var end = start + 1
    if text[start] >= 0xc0 {
      while end < text.count, end < start + 4, text[end] & 0xc0 == 0x80 { end += 1 }
    }
    return end - start
  }
}
