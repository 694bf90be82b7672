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
    case .tokenizerJSON(let path, let begin, let ends):
      try self.init(tokenizerJSON: path, beginOfSequence: begin, endsOfSequence: ends)
    }
  }

  /// A tokenizer from a `tokenizer.json`.
  ///
  /// Its padding and truncation are for batches and are not applied.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - beginOfSequence: The id to report where the file's template adds no token in front.
  ///   - endsOfSequence: The ids that end what a model writes, the first of which is reported where the file's template adds no
  ///     token behind.
  /// - Throws: 69 `TK-UNSUPPORTED` or `TK-PRE` naming a component, 65 for a damaged file.
  public init(
    tokenizerJSON path: String, beginOfSequence: Int32? = nil, endsOfSequence: [Int32] = []
  ) throws(Fault) {
    do throws(Fault) {
      var description = try TokenizerJSON(path).description()
      description.beginOfSequence = description.beginOfSequence ?? beginOfSequence
      description.endOfSequence = description.endOfSequence ?? endsOfSequence.first
      description.otherEnds = endsOfSequence
      try self.init(description)
    } catch {
      throw error.at(path: path)
    }
  }

  /// A tokenizer from the vocabulary of a GGUF file.
  ///
  /// - Throws: 69 `TK-MODEL` for an unknown model, 69 `TK-PRE` for an unknown splitting rule, 65 `TK-DUP`, `TK-MERGE`,
  ///   `TK-SCORE` or `TK-CHARSMAP` for a damaged vocabulary.
  public init(vocabulary: TokenizerVocabulary) throws(Fault) {
    var description = try vocabulary.description()
    description.otherEnds = [vocabulary.endOfTurn].compactMap(\.self)
    try self.init(description)
  }
}
