package import Faults
package import JSON
import Mustache

/// Texts in which `{{field}}` stands for a field of a row, of which rows become lines of a data file (`formats/data.md` §6.1).
///
/// Mustache, nothing escaped.
package struct RowTemplate: Sendable {
  private let prompt: MustacheTemplate
  private let completion: MustacheTemplate?
  private let choices: [MustacheTemplate]
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
    var templates: [MustacheTemplate] = []
    for choice in choices { templates.append(try RowTemplate.parse(choice)) }
    (self.choices, self.answer) = (templates, answer)
  }

  private static func parse(_ text: String) throws(Fault) -> MustacheTemplate {
    do {
      return try MustacheTemplate(string: "{{% CONTENT_TYPE: TEXT}}" + text)
    } catch {
      let reason = (error as? MustacheTemplate.ParserError).map { "\($0.error)" } ?? "\(error)"
      throw Fault(
        .usage, "DATA-TEMPLATE",
        "\"\(Fault.escaped(text, limit: 64))\" is no Mustache template: \(reason)")
    }
  }

  /// The line of a row.
  ///
  /// - Throws: 65 `DATA-FIELD` naming a field that a template or the answer names and the row has not.
  package func line(_ row: JSONField) throws(Fault) -> JSONValue {
    let fields = RowFields(row)
    var members = [("prompt", JSONValue.string(try fields.text(of: prompt)))]
    if let completion {
      members.append(("completion", .string(try fields.text(of: completion))))
    } else {
      var texts: [String] = []
      for choice in choices { texts.append(try fields.text(of: choice)) }
      members.append(("choices", .array(texts.map { .string($0) })))
      members.append(("answer", .integer(try place(row[answer], among: texts))))
    }
    return .object(JSONObject(members))
  }

  private func place(_ field: JSONField, among texts: [String]) throws(Fault) -> Int {
    guard let text = field.value?.stringValue else { return try field.int(in: 0...texts.count - 1) }
    guard let place = texts.firstIndex(where: { $0 == text || RowTemplate.trimmed($0) == text })
    else { throw field.fault("is none of the choices") }
    return place
  }

  /// Choices often begin with a blank, which answers lack.
  private static func trimmed(_ text: String) -> Substring {
    var rest = text[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}

/// What templates see of a row.
///
/// A name that is not there would be an empty text to them, so that it is kept and refused.
private final class RowFields: MustacheParent {
  private let field: JSONField
  /// The fields of the whole row; nil where these are.
  private let root: RowFields?
  private var missing: JSONField?

  init(_ field: JSONField, root: RowFields? = nil) { (self.field, self.root) = (field, root) }

  func text(of template: MustacheTemplate) throws(Fault) -> String {
    missing = nil
    let text = template.render(self)
    guard let missing else { return text }
    throw missing.fault("is missing, and the template names it")
  }

  func child(named name: String) -> Any? {
    let child = field[name]
    guard let value = child.value else {
      let root = root ?? self
      root.missing = root.missing ?? child
      return nil
    }
    return shown(value, child)
  }

  private func shown(_ value: JSONValue, _ place: JSONField) -> Any? {
    switch value {
    case .null: nil
    case .string(let text): text
    case .bool(let flag): flag
    case .array:
      (try? place.array())?.compactMap { element in element.value.flatMap { shown($0, element) } }
    case .object: RowFields(place, root: root ?? self)
    default: value.text()
    }
  }
}
