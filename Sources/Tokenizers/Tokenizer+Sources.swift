public import Checkpoints
public import Faults

extension Tokenizer {
  /// The tokenizer of a base model; see ``init(checkpoint:)``.
  public init(base: BaseCheckpoint) throws(Fault) { try self.init(checkpoint: base.checkpoint) }

  /// The tokenizer of a checkpoint, which may hold nothing else.
  ///
  /// - Throws: 69 naming what this version does not support, 65 for a damaged description.
  public init(checkpoint: Checkpoint) throws(Fault) {
    switch try checkpoint.tokenizerSource() {
    case .vocabulary(let vocabulary):
      do throws(Fault) {
        try self.init(vocabulary: vocabulary)
      } catch {
        throw error.at(path: checkpoint.path)
      }
    case .tokenizerJSON(let path, let begin, let end):
      try self.init(tokenizerJSON: path, beginOfSequence: begin, endOfSequence: end)
    }
  }

  /// A tokenizer from a `tokenizer.json`.
  ///
  /// Its padding and truncation are for batches and are not applied.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - beginOfSequence: The id to report where the file's template adds no token in front.
  ///   - endOfSequence: The id to report where the file's template adds no token behind.
  /// - Throws: 69 `TK-UNSUPPORTED` or `TK-PRE` naming a component, 65 for a damaged file.
  public init(
    tokenizerJSON path: String, beginOfSequence: Int32? = nil, endOfSequence: Int32? = nil
  ) throws(Fault) {
    do throws(Fault) {
      var parts = try TokenizerJSON(path).parts()
      parts.beginOfSequence = parts.beginOfSequence ?? beginOfSequence
      parts.endOfSequence = parts.endOfSequence ?? endOfSequence
      try self.init(parts)
    } catch {
      throw error.at(path: path)
    }
  }

  /// A tokenizer from the vocabulary of a GGUF file.
  ///
  /// - Throws: 69 `TK-MODEL` unless the model is `gpt2` or `llama`, 69 `TK-PRE` unless the splitting rule is
  ///   known, 65 `TK-DUP` or `TK-MERGE` for a damaged vocabulary.
  public init(vocabulary: TokenizerVocabulary) throws(Fault) {
    switch vocabulary.model {
    case "gpt2": try self.init(Self.byteLevel(vocabulary))
    case "llama": try self.init(Self.sentencePiece(vocabulary))
    default:
      throw Fault(
        .unsupported, "TK-MODEL",
        "tokenizer model \"\(vocabulary.model)\"; gpt2 (byte-level BPE) and llama (SentencePiece BPE) are "
          + "supported")
    }
  }

  private static func byteLevel(_ vocabulary: TokenizerVocabulary) throws(Fault) -> TokenizerParts {
    let named = try PreTokenizerName(vocabulary.preTokenizer)
    let rule = named.rule
    var merges: [(left: [UInt8], right: [UInt8])] = []
    merges.reserveCapacity(vocabulary.merges.count)
    for (index, line) in vocabulary.merges.enumerated() {
      merges.append(try MergeLine.split(line, index: index))
    }
    var parts = TokenizerParts(
      tokens: vocabulary.tokens, merges: merges,
      added: Self.added(vocabulary), preTokenizer: rule, takesWholeWords: named.takesWholeWords,
      normalizesToNFC: named.normalizesToNFC, beginOfSequence: vocabulary.beginOfSequence,
      endOfSequence: vocabulary.endOfSequence)
    // Files of some families leave the key out and mean yes.
    if vocabulary.addsBeginOfSequence ?? named.addsBeginOfSequence,
      let begin = vocabulary.beginOfSequence
    {
      parts.prefix = [begin]
    }
    if vocabulary.addsEndOfSequence ?? false, let end = vocabulary.endOfSequence {
      parts.suffix = [end]
    }
    return parts
  }

  /// Pieces with scores; what the file leaves out is as llama.cpp takes it.
  private static func sentencePiece(
    _ vocabulary: TokenizerVocabulary
  ) throws(Fault) -> TokenizerParts {
    let count = vocabulary.tokens.count
    func token(_ stated: Int32?, _ usual: Int32) -> Int32? {
      stated ?? (Int(usual) < count ? usual : nil)
    }
    var parts = TokenizerParts(
      tokens: vocabulary.tokens, merges: [], added: added(vocabulary), preTokenizer: nil,
      takesWholeWords: false, normalizesToNFC: false,
      beginOfSequence: token(vocabulary.beginOfSequence, 1),
      endOfSequence: token(vocabulary.endOfSequence, 2))
    guard vocabulary.scores.isEmpty || vocabulary.scores.count == count else {
      throw Fault(
        .badData, "TK-SCORE", "\(vocabulary.scores.count) scores for \(count) tokens")
    }
    parts.sentencePiece = TokenizerParts.SentencePieceOptions(
      scores: vocabulary.scores.isEmpty ? [Float](repeating: 0, count: count) : vocabulary.scores,
      prefix: vocabulary.addsSpacePrefix ?? true ? .prepended : .none, normalizes: true,
      unknown: token(vocabulary.unknown, 0))
    if vocabulary.addsBeginOfSequence ?? true, let begin = parts.beginOfSequence {
      parts.prefix = [begin]
    }
    if vocabulary.addsEndOfSequence ?? false, let end = parts.endOfSequence {
      parts.suffix = [end]
    }
    return parts
  }

  /// Unknown, control and user-defined tokens are recognised in text.
  private static func added(_ vocabulary: TokenizerVocabulary) -> [TokenizerParts.Added] {
    zip(vocabulary.tokenTypes, vocabulary.tokens).enumerated().compactMap { index, pair in
      guard (2...4).contains(pair.0), let id = Int32(exactly: index) else { return nil }
      return TokenizerParts.Added(id: id, content: pair.1, isNormalized: false)
    }
  }
}
