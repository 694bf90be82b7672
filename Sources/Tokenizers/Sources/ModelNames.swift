/// What `tokenizer.ggml.model` may be (`formats/tokenizers.md` §1).
package enum VocabularyModel: String, Sendable, CaseIterable {
  /// Byte-level merges.
  case gpt2
  /// Pieces joined by score.
  case llama
  /// Merges of characters.
  case gemma4
  /// Unigram.
  case t5
  /// WordPiece.
  case bert
}

/// What `model.type` of a `tokenizer.json` may be.
package enum TokenizerJSONModel: String, Sendable, CaseIterable {
  case bytePair = "BPE"
  case unigram = "Unigram"
  case wordPiece = "WordPiece"
  case wordLevel = "WordLevel"
}
