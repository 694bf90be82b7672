/// Where the tokenizer of a checkpoint is described; `Tokenizers` builds one from it.
public enum TokenizerSource: Sendable, Hashable {
  /// The vocabulary inside a GGUF file.
  case vocabulary(TokenizerVocabulary)
  /// A `tokenizer.json` beside the weights, and the ids that `config.json` gives for the beginning
  /// and the end of a sequence.
  case tokenizerJSON(path: String, beginOfSequence: Int32?, endOfSequence: Int32?)
}
