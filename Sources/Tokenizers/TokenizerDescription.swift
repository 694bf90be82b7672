internal import Faults

/// What every source of a tokenizer is brought to before its tables are built: the steps from a text to ids.
struct TokenizerDescription: Sendable {
  /// Strings by id, as the file has them; nil for ids that nothing uses.
  var tokens: [[UInt8]?]
  var added: [AddedToken] = []
  var normalizers: [Normalizer] = []
  var splitter: [SplitStep] = []
  var model: Model
  var template = Template.none
  var decoder = TokenDecoder.plain
  var beginOfSequence: Int32?
  var endOfSequence: Int32?
  /// What else ends what a model writes.
  var otherEnds: [Int32] = []

  /// A subword model before its tables are built.
  enum Model: Sendable {
    case bytePair(BytePair.Options, merges: [(left: [UInt8], right: [UInt8])])
    /// Scores by id.
    case scoredPairs(scores: [Float], unknown: Int32?)
    /// Scores by id; ids beyond them and those of `unused` are no pieces, and only those of `counting` say what is
    /// unlikely.
    case unigram(UnigramParts)
    case wordPiece(prefix: [UInt8], unknown: Int32, longestWord: Int)
    case wordLevel(unknown: Int32)
  }

  struct UnigramParts: Sendable {
    var scores: [Double]
    var unknown: Int32?
    var fallsBackToBytes = false
    /// Ids that are no pieces.
    var excluded: Set<Int32> = []
    /// Ids whose scores do not say how unlikely the least likely piece is.
    var outOfBounds: Set<Int32> = []
  }

  /// Ids by string.
  ///
  /// - Throws: 65 `TK-DUP` for a string that two ids have.
  func ids() throws(Fault) -> [[UInt8]: Int32] {
    var ids: [[UInt8]: Int32] = Dictionary(minimumCapacity: tokens.count)
    for (index, token) in tokens.enumerated() {
      guard let token, let id = Int32(exactly: index) else { continue }
      guard ids.updateValue(id, forKey: token) == nil else {
        throw Fault(.badData, "TK-DUP", "token \"\(MergeLine.text(token))\" occurs twice")
      }
    }
    return ids
  }

  /// The tables of the subword model.
  func subword() throws(Fault) -> Subword {
    let ids = try ids()
    switch model {
    case .bytePair(let options, let merges):
      return .bytePair(try BytePair(options, ids: ids, pairs: merges))
    case .scoredPairs(let scores, let unknown):
      return .scoredPairs(ScoredPairs(ids: ids, scores: scores, unknown: unknown))
    case .unigram(let parts):
      let pieces = self.pieces.filter {
        Int($0.value) < parts.scores.count && !parts.excluded.contains($0.value)
      }
      let lowest = parts.scores.indices.lazy.filter { !parts.outOfBounds.contains(Int32($0)) }
        .map { parts.scores[$0] }.min()
      return .unigram(
        Unigram(
          pieces: pieces, scores: parts.scores, lowest: lowest ?? 0, unknown: parts.unknown,
          byteTokens: parts.fallsBackToBytes ? ByteToken.table(ids) : []))
    case .wordPiece(let prefix, let unknown, let longestWord):
      return .wordPiece(
        WordPiece(pieces: pieces, prefix: prefix, unknown: unknown, longestWord: longestWord))
    case .wordLevel(let unknown): return .wordLevel(WordLevel(ids: ids, unknown: unknown))
    }
  }

  private var pieces: [(bytes: [UInt8], value: Int32)] {
    tokens.enumerated().compactMap { index, token in token.map { ($0, Int32(clamping: index)) } }
  }

  /// A text as the steps before the splitter make it.
  func normalized(_ bytes: [UInt8]) -> [UInt8] {
    var text = NormalizedText(bytes: bytes, isFirst: true, continues: false)
    for normalizer in normalizers { normalizer.apply(to: &text) }
    return text.bytes
  }
}
