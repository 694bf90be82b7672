/// One line of a data file: a prompt with its completion, or with choices of which one is right.
public struct Example: Sendable, Hashable {
  /// What follows the prompt.
  public enum Target: Sendable, Hashable {
    /// The completion, to be reproduced exactly.
    case completion(String)
    /// Possible completions and the index of the right one.
    case choices([String], answer: Int)
  }

  /// The text before the completion.
  public var prompt: String
  /// The completion or the choices.
  public var target: Target
  /// The answer that the model is to write, where what it writes is compared and not the completion's tokens.
  public var written: WrittenAnswer?
  /// Whether the end of a sequence follows the completion, as its last token.
  public var ends: Bool

  /// An example.
  public init(
    prompt: String, target: Target, written: WrittenAnswer? = nil, ends: Bool = false
  ) {
    self.prompt = prompt
    self.target = target
    self.written = written
    self.ends = ends
  }

  /// The right completion: what training and loss use.
  public var completion: String {
    switch target {
    case .completion(let text): text
    case .choices(let texts, let answer): texts[answer]
    }
  }
}
