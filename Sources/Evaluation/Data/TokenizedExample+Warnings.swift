public import Faults
public import Tokenizers

extension Sequence<TokenizedExample> {
  /// What people should know about the tokens of these examples, which stay as they are.
  ///
  /// `TK-BOS` for each prompt whose text begins with the token that `tokenizer` puts in front of every prompt.
  public func warnings(of tokenizer: Tokenizer) -> [Warning] {
    guard tokenizer.addsBeginOfSequence, let begin = tokenizer.beginOfSequence else { return [] }
    return enumerated().compactMap { index, example in
      guard example.prompt.starts(with: [begin, begin]) else { return nil }
      return Warning(
        "TK-BOS",
        "the prompt begins with the token of a beginning, and the tokenizer puts one more in front",
        subject: "example \(index + 1)")
    }
  }
}
