/// Where the tokenizer of a checkpoint is described; `Tokenizers` builds one from it.
public enum TokenizerSource: Sendable, Hashable {
  /// The vocabulary inside a GGUF file.
  case vocabulary(TokenizerVocabulary)
  /// A `tokenizer.json` beside the weights.
  case tokenizerJSON(path: String)
}
