public import Checkpoints
public import Faults
public import Tokenizers

extension DataSet {
  /// Every example as token ids.
  ///
  /// - Throws: `DATA-LENGTH` for an example longer than the model's context, 69 where it is longer than what this
  ///   program computes as the model defines it; `DATA-TOKENS` where a completion has
  ///   no token, nothing precedes it, or a token has no embedding: tokenizers may have more tokens than their model.
  public func tokenized(
    by tokenizer: Tokenizer, for model: DecoderConfiguration
  ) throws(Fault) -> [TokenizedExample] {
    var result: [TokenizedExample] = []
    result.reserveCapacity(examples.count)
    let byteLimit = model.contextLength.multipliedReportingOverflow(by: Self.bytesPerToken)
    for (index, example) in examples.enumerated() {
      let byteCount = example.byteCount
      guard byteLimit.overflow || byteCount <= byteLimit.partialValue else {
        throw Fault(
          .badData, "DATA-LENGTH",
          "example \(index + 1) has \(byteCount) bytes, more than \(Self.bytesPerToken) for each of the "
            + "\(model.contextLength) tokens of the model's context", path: path)
      }
      let prompt = tokenizer.encode(example.prompt, addSpecial: true)
      let tokens: TokenizedExample
      switch example.target {
      case .completion(let text):
        tokens = TokenizedExample(
          prompt: prompt, completion: tokenizer.encode(text, continues: true))
      case .choices(let texts, let answer):
        let choices = texts.map { tokenizer.encode($0, continues: true) }
        tokens = TokenizedExample(
          prompt: prompt, completion: choices[answer], choices: choices, answer: answer)
      }
      let all = tokens.choices.isEmpty ? [tokens.completion] : tokens.choices
      guard !prompt.isEmpty, all.allSatisfy({ !$0.isEmpty }) else {
        throw Fault(
          .badData, "DATA-TOKENS", "example \(index + 1): prompt or completion has no token",
          path: path)
      }
      if let last = ([prompt] + all).joined().max(), last >= model.vocabularySize {
        throw Fault(
          .badData, "DATA-TOKENS",
          "example \(index + 1): token \(last), the model's last one is \(model.vocabularySize - 1)",
          path: path)
      }
      let longest = prompt.count + (all.map(\.count).max() ?? 0)
      guard longest <= model.contextLength else {
        throw Fault(
          .badData, "DATA-LENGTH",
          "example \(index + 1) has \(longest) tokens, the model's context is \(model.contextLength)",
          path: path)
      }
      guard longest <= model.exactLength else {
        throw Fault(
          .unsupported, "DATA-LENGTH",
          "example \(index + 1) has \(longest) tokens; this model is computed exactly up to "
            + "\(model.exactLength), where its \(model.lengthLimit) begins to matter", path: path)
      }
      result.append(tokens)
    }
    return result
  }

  /// Longer texts are refused before they are tokenised, which takes some forty times their size: the longest tokens there
  /// are, of blanks, have half as many bytes.
  private static let bytesPerToken = 256
}

extension Example {
  /// Bytes of the prompt and of the longest text that follows it.
  fileprivate var byteCount: Int {
    switch target {
    case .completion(let text): prompt.utf8.count + text.utf8.count
    case .choices(let texts, _): prompt.utf8.count + (texts.map(\.utf8.count).max() ?? 0)
    }
  }
}
