public import Evaluation
public import Faults
import JSON

/// How a text that a model writes itself begins (`formats/data.md` §5).
///
/// Without `then` everything after `text` is the completion. With it a model first writes on from `text` until it
/// begins `then`, or to the limit; `then` is put there, and what the LoRA model writes next is the completion.
public struct Opening: Sendable, Hashable {
  /// The first words; empty for the beginning of a text.
  public var text: String
  /// What stands between the part of the prompt that the model writes and the completion.
  public var then: String?
  /// At most so many tokens of completion; nil for the run's own limit.
  public var length: Int?
  /// The completion ends after the first token that contains this; nil for the model's own end of sequence only.
  public var end: String?

  /// An opening.
  public init(text: String, then: String? = nil, length: Int? = nil, end: String? = nil) {
    self.text = text
    self.then = then
    self.length = length
    self.end = end
  }

  /// The openings of a file.
  ///
  /// - Throws: `DATA-*` faults naming the line.
  public static func read(_ path: String) throws(Fault) -> JSONLines<Opening> {
    try JSONLines(path: path) { (line) throws(Fault) in
      func text(_ key: String) throws(Fault) -> String? {
        guard line[key].isPresent else { return nil }
        let text = try line[key].string()
        guard !text.isEmpty else { throw line[key].fault("is empty") }
        return text
      }
      return Opening(
        text: try line["opening"].string(), then: try text("then"),
        length: line["length"].isPresent ? try line["length"].int(in: 1...1_000_000) : nil,
        end: try text("end"))
    }
  }

  /// What is used where the user gives none: the beginning of a text, a new line and, where the tokenizer has a chat
  /// form, a user's turn.
  public static func builtIn(chatForm: ChatForm?) -> [Opening] {
    [Opening(text: ""), Opening(text: "\n")] + (chatForm.map { [$0.opening] } ?? [])
  }
}
