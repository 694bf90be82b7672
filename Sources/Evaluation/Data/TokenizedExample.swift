public import Models

/// An example as token ids; prompt and completion are tokenised separately and joined (CLI contract, DATA).
///
/// Of a whole text that a head for classes answers for, the prompt is the text (of an image a zero for each position), the completion the number of its class and the
/// choices are the numbers of all classes.
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

  /// What a head for classes needs to know of a whole text; nil where tokens are predicted.
  public struct WholeText: Sendable, Hashable {
    /// The kind of text of each token; empty where all are of the first.
    public var types: [Int32]
    /// The token whose state answers.
    public var position: Int
    /// The image whose positions the prompt stands for; nil for a text.
    public var image: ImageReference?
    /// The right number, for a head that answers with one.
    public var value: Float?

    /// What is known of a text.
    public init(
      types: [Int32] = [], image: ImageReference? = nil, position: Int, value: Float? = nil
    ) {
      self.types = types
      self.image = image
      self.position = position
      self.value = value
    }
  }

  /// Set where the prompt is a whole text that a head for classes answers for.
  public var whole: WholeText?

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
