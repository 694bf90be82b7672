/// Where the tokenizer of a checkpoint is described; `Tokenizers` builds one from it.
public enum TokenizerSource: Sendable, Hashable {
  /// The vocabulary inside a GGUF file.
  case vocabulary(TokenizerVocabulary)
  /// A `tokenizer.json` beside the weights, and the ids that `config.json` gives for the beginning
  /// and the ends of a sequence, of which the first is the one that texts get.
  case tokenizerJSON(path: String, beginOfSequence: Int32?, endsOfSequence: [Int32])
}
