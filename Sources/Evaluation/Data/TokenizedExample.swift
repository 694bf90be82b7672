/// An example as token ids; prompt and completion are tokenised separately and joined (CLI contract, DATA).
public struct TokenizedExample: Sendable, Hashable {
  /// The prompt, with a beginning-of-sequence token only where the model's tokenizer adds one.
  public var prompt: [Int32]
  /// The right completion.
  public var completion: [Int32]
  /// All choices, the right one included; empty for plain completions.
  public var choices: [[Int32]]
  /// Index of the right choice.
  public var answer: Int
  /// The answer that the model is to write, where what it writes is compared and not the completion's tokens.
  public var written: WrittenAnswer?
  /// Whether the completion's last token ends the turn of a conversation.
  public var endsTurn = false

  /// A tokenised example.
  public init(prompt: [Int32], completion: [Int32], choices: [[Int32]] = [], answer: Int = 0) {
    self.prompt = prompt
    self.completion = completion
    self.choices = choices
    self.answer = answer
  }

  /// Tokens fed for the right completion.
  public var tokenCount: Int { prompt.count + max(completion.count - 1, 0) }
}
