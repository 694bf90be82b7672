package import Faults
package import JSON

/// Solved examples that stand before every prompt (`formats/data.md` §6.2).
package struct ShownExamples: Sendable {
  private let separator: String
  private let prefix: String

  /// The examples of `lines`, each with its answer and `separator` behind it.
  ///
  /// - Throws: 65 `DATA-FIELD` for a line without a prompt.
  package init(_ lines: [JSONValue], separator: String) throws(Fault) {
    self.separator = separator
    var prefix = ""
    for line in lines {
      let field = JSONField(line, code: "DATA-FIELD")
      let answer: String
      if field["choices"].isPresent {
        let choices = try field["choices"].array()
        answer = try choices[try field["answer"].int(in: 0...choices.count - 1)].string()
      } else {
        answer = try field["completion"].string()
      }
      prefix += try ShownExamples.prompt(field) + answer + separator
    }
    self.prefix = prefix
  }

  /// The line with the examples before its prompt.
  ///
  /// Where it asks for an answer to be written, that ends where the next example would begin.
  ///
  /// - Throws: 65 `DATA-FIELD` for a line without a prompt.
  package func before(_ line: JSONValue) throws(Fault) -> JSONValue {
    let field = JSONField(line, code: "DATA-FIELD")
    let prompt = prefix + (try ShownExamples.prompt(field))
    var members: [(String, JSONValue)] = []
    for (name, value) in try field.fields() {
      members.append((name, name == "prompt" ? .string(prompt) : value.value ?? .null))
    }
    if field["extract"].isPresent, !separator.isEmpty,
      field["completion"].value?.stringValue?.contains(separator) == false
    {
      let stops = field["stop"].value?.arrayValue ?? []
      members.removeAll { $0.0 == "stop" }
      members.append(("stop", .array(stops + [.string(separator)])))
    }
    return .object(JSONObject(members))
  }

  private static func prompt(_ field: JSONField) throws(Fault) -> String {
    guard field["prompt"].isPresent else {
      throw field["prompt"].fault("is missing, and examples stand before prompts")
    }
    return try field["prompt"].string()
  }
}
