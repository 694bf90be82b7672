import Faults
import Foundation
import JSON

/// An answer that the model is to write in its own words: what counts is what is found in them, not the words.
public struct WrittenAnswer: Sendable, Hashable {
  /// Where it is found.
  public var form: AnswerForm
  /// The right one.
  public var right: String
  /// Texts behind which nothing is written any more.
  public var stops: [String]
  /// At most so many tokens.
  public var length: Int

  /// Tokens where a line does not say how many.
  static let standardLength = 256
  /// The most that a line can ask for.
  static let longest = 4096

  /// An answer.
  public init(form: AnswerForm, right: String, stops: [String] = [], length: Int = 256) {
    self.form = form
    self.right = right
    self.stops = stops
    self.length = length
  }

  /// What a line with `extract` asks for; nil without it.
  ///
  /// - Parameter completion: The right completion, in which the right answer stands.
  /// - Throws: 65 `DATA-FIELD` naming the field.
  init?(_ line: JSONField, completion: String) throws(Fault) {
    guard line["extract"].isPresent else {
      for name in ["stop", "length"] where line[name].isPresent {
        throw line[name].fault("stands without \"extract\"")
      }
      return nil
    }
    form = try AnswerForm(line["extract"])
    guard let right = form.answer(in: completion) else {
      throw line["extract"].fault("finds no answer in the completion")
    }
    self.right = right
    stops = []
    if line["stop"].isPresent {
      for stop in try line["stop"].array() {
        let text = try stop.string()
        guard !text.isEmpty else { throw stop.fault("is empty") }
        stops.append(text)
      }
    }
    length = WrittenAnswer.standardLength
    if line["length"].isPresent { length = try line["length"].int(in: 1...WrittenAnswer.longest) }
  }

  /// Whether a model that wrote `text` gave the right answer; what follows a stop does not count.
  public func isRight(_ text: String) -> Bool {
    let end = stops.compactMap { text.range(of: $0)?.lowerBound }.min() ?? text.endIndex
    return form.answer(in: String(text[..<end])) == right
  }
}
