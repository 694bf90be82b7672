import Faults
import JSON

extension PublishedForm {
  /// How the nine sets of GLUE name a text and, where they have one, the other of its pair.
  private static let texts: [(first: String, second: String?)] = [
    ("sentence1", "sentence2"), ("question", "sentence"), ("premise", "hypothesis"),
    ("question1", "question2"), ("sentence", nil),
  ]

  /// A text or a pair with its label, a whole number or a name, or its score, a number with a point.
  static func glue(_ row: JSONField) throws(Fault) -> JSONValue {
    let names = texts.first { names in
      row[names.first].isPresent && names.second.map { row[$0].isPresent } ?? true
    }
    guard let names else {
      throw row["sentence"].fault("no text under any of the names that GLUE's sets have")
    }
    var members = [("text", JSONValue.string(try row[names.first].string()))]
    if let second = names.second {
      members.append(("text_pair", .string(try row[second].string())))
    }
    guard let label = row["label"].value else { throw row["label"].fault("is missing") }
    switch label {
    case .number(let number) where number < 0:
      throw row["label"].fault("\(number): the scores of this split were not published")
    case .number: members.append(("score", label))
    case .integer(let number) where number < 0:
      throw row["label"].fault("\(number): the labels of this split were not published")
    default: members.append(("label", label))
    }
    return .object(JSONObject(members))
  }
}
