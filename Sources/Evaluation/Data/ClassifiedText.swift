import Checkpoints
import Faults
import JSON

/// A text or a pair of texts, with the class or the number that is right for it (`formats/data.md` §2.7).
public struct ClassifiedText: Sendable, Hashable {
  /// What is right.
  public enum Answer: Sendable, Hashable {
    /// The number of a class, from 0.
    case label(Int)
    /// The name of a class, as the model's files have it.
    case name(String)
    /// A number.
    case score(Double)
  }

  /// The first text.
  public let text: String
  /// The second, such as a hypothesis behind its premise.
  public let pair: String?
  /// What is right.
  public let answer: Answer

  /// Fields that say what is right.
  static let answers = ["label", "score"]

  /// The text of a line that has one of ``answers``.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init(_ line: JSONField) throws(Fault) {
    text = try line["text"].string()
    guard !text.isEmpty else { throw line["text"].fault("is empty") }
    pair = line["text_pair"].isPresent ? try line["text_pair"].string() : nil
    if pair?.isEmpty ?? false { throw line["text_pair"].fault("is empty") }
    guard let answer = try Answer(line) else {
      throw line["text_pair"].fault("stands without \"label\" or \"score\"")
    }
    self.answer = answer
  }

  /// The number of the right class of `head`, and the right number of one that answers with a number.
  ///
  /// - Throws: 65 `DATA-LABEL` where the head has no such answer; the reason goes on after "example N".
  func target(of head: ClassHead) throws(Fault) -> (label: Int, value: Float?) {
    try answer.target(of: head)
  }
}

extension ClassifiedText.Answer {
  /// What is right by a line; nil where it does not say.
  ///
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init?(_ line: JSONField) throws(Fault) {
    let present = ClassifiedText.answers.filter { line[$0].isPresent }
    guard let kind = present.first else { return nil }
    if present.count > 1 { throw line[present[1]].fault("stands beside \"\(kind)\"") }
    if kind == "score" {
      let score = try line["score"].double()
      guard Float(score).isFinite else { throw line["score"].fault("is beyond Float32") }
      self = .score(score)
    } else if line["label"].value?.stringValue != nil {
      self = .name(try line["label"].string())
    } else {
      self = .label(try line["label"].int(in: 0...1 << 16 - 1))
    }
  }

  /// The number of the right class of `head`, and the right number of one that answers with a number.
  ///
  /// - Throws: 65 `DATA-LABEL` where the head has no such answer; the reason goes on after "example N".
  func target(of head: ClassHead) throws(Fault) -> (label: Int, value: Float?) {
    switch self {
    case .score(let score):
      guard head.isRegression else {
        throw Fault(
          .badData, "DATA-LABEL",
          " has a score, and the model's head answers with one of \(head.count) classes")
      }
      return (0, Float(score))
    case .label where head.isRegression, .name where head.isRegression: throw Self.needsScore
    case .label(let label):
      guard label < head.count else {
        throw Fault(
          .badData, "DATA-LABEL",
          " has the label \(label), the last one of the model's head is \(head.count - 1)")
      }
      return (label, nil)
    case .name(let name):
      guard let label = head.names.firstIndex(where: { UTF8Key.equalBytes($0, name) }) else {
        let names = head.names.prefix(8).joined(separator: ", ")
        throw Fault(
          .badData, "DATA-LABEL",
          " has the label \"\(Fault.escaped(name, limit: 48))\", the model's are "
            + Fault.escaped(names, limit: 160) + (head.count > 8 ? ", ..." : ""))
      }
      return (label, nil)
    }
  }

  private static let needsScore = Fault(
    .badData, "DATA-LABEL", " has a label, and the model's head answers with a number")
}
