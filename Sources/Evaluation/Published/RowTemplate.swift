package import Faults
import Foundation
package import JSON
import Mustache

/// Texts in which `{{field}}` stands for a field of a row, of which rows become lines of a data file (`formats/data.md` §6.1).
///
/// Mustache, nothing escaped.
package struct RowTemplate: Sendable {
  private let prompt: Text
  private let completion: Text?
  private let choices: [Text]
  private let answer: String

  /// Templates of a prompt and its completion.
  ///
  /// - Throws: 64 `DATA-TEMPLATE` for a text that is no template.
  package init(prompt: String, completion: String) throws(Fault) {
    self.prompt = try RowTemplate.parse(prompt)
    self.completion = try RowTemplate.parse(completion)
    (choices, answer) = ([], "")
  }

  /// Templates of a prompt and its choices; the field `answer` has the number of the right one, from 0, or its text.
  ///
  /// - Throws: 64 `DATA-TEMPLATE` for a text that is no template.
  package init(prompt: String, choices: [String], answer: String) throws(Fault) {
    self.prompt = try RowTemplate.parse(prompt)
    completion = nil
    var templates: [Text] = []
    for choice in choices { templates.append(try RowTemplate.parse(choice)) }
    (self.choices, self.answer) = (templates, answer)
  }

  private static func parse(_ text: String) throws(Fault) -> Text {
    func fault(_ reason: String) -> Fault {
      Fault(.usage, "DATA-TEMPLATE", "\"\(Fault.escaped(text, limit: 64))\": \(reason)")
    }
    let names: [String]
    do throws(TemplateTags.Refusal) {
      names = try TemplateTags.names(in: text)
    } catch {
      throw fault(error.reason)
    }
    do {
      let template = try MustacheTemplate(string: "{{% CONTENT_TYPE: TEXT}}" + text)
      return Text(template: template, paths: names.filter { $0.contains(".") && $0 != "." })
    } catch {
      let reason = (error as? MustacheTemplate.ParserError).map { "\($0.error)" } ?? "\(error)"
      throw fault("no Mustache template: \(reason)")
    }
  }

  /// A template with the names in it that have parts.
  private struct Text {
    let template: MustacheTemplate
    let paths: [String]
  }

  /// The line of a row.
  ///
  /// - Throws: 65 `DATA-FIELD` naming a field that a template or the answer names and the row has not.
  package func line(_ row: JSONField) throws(Fault) -> JSONValue {
    let fields = RowFields(row)
    var members = [("prompt", JSONValue.string(try RowTemplate.text(prompt, fields)))]
    if let completion {
      members.append(("completion", .string(try RowTemplate.text(completion, fields))))
    } else {
      var texts: [String] = []
      for choice in choices { texts.append(try RowTemplate.text(choice, fields)) }
      members.append(("choices", .array(texts.map { .string($0) })))
      members.append(("answer", .integer(try place(row[answer], among: texts))))
    }
    return .object(JSONObject(members))
  }

  private static func text(_ text: Text, _ fields: RowFields) throws(Fault) -> String {
    try fields.text(of: text.template, paths: text.paths)
  }

  private func place(_ field: JSONField, among texts: [String]) throws(Fault) -> Int {
    guard let text = field.value?.stringValue else { return try field.int(in: 0...texts.count - 1) }
    // Choices often begin with a blank, which answers lack.
    let place =
      texts.firstIndex(of: text)
      ?? texts.firstIndex { $0.trimmingCharacters(in: .whitespacesAndNewlines) == text }
    guard let place else { throw field.fault("is none of the choices") }
    return place
  }
}
