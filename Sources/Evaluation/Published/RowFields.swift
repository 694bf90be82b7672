import Faults
import JSON
import Mustache

/// What templates see of an object of a row.
///
/// A name that is not there would be an empty text to them, and an object or a list in the place of a text a word of this program:
/// both are kept and refused.
final class RowFields: MustacheParent, MustacheCustomRenderable {
  private let field: JSONField
  /// The fields of the whole row; nil where these are.
  private let outer: RowFields?
  private var found: Fault?

  /// The fields of a row.
  convenience init(_ row: JSONField) { self.init(row, outer: nil) }

  private init(_ field: JSONField, outer: RowFields?) { (self.field, self.outer) = (field, outer) }

  private var root: RowFields { outer ?? self }

  /// The text that a template makes of the row; `paths` are the names with parts in it.
  ///
  /// - Throws: 65 `DATA-FIELD` for a name that the row has not, and for an object or a list as a text.
  func text(of template: MustacheTemplate, paths: [String]) throws(Fault) -> String {
    found = nil
    let text = template.render(self)
    for path in paths {
      let parts = path.split(separator: ".").map(String.init)
      // What begins inside a section is looked up there.
      guard let first = parts.first, field[first].value != nil else { continue }
      let place = parts.reduce(field) { $0[$1] }
      if place.value == nil { found = found ?? RowFields.missing(place) }
    }
    if let found { throw found }
    return text
  }

  private static func missing(_ field: JSONField) -> Fault {
    field.fault("is missing, and the template names it")
  }

  func child(named name: String) -> Any? {
    let child = field[name]
    guard let value = child.value else {
      // Inside a section the row's own fields are seen too.
      if outer == nil || root.field[name].value == nil {
        root.found = root.found ?? RowFields.missing(child)
      }
      return nil
    }
    return shown(value, child)
  }

  private func shown(_ value: JSONValue, _ place: JSONField) -> Any? {
    switch value {
    case .null: nil
    case .string(let text): RowText(text)
    case .bool(let flag): flag
    case .array:
      RowList((try? place.array()) ?? [], in: self) { element in
        element.value.flatMap { self.shown($0, element) }
      }
    case .object: RowFields(place, outer: root)
    default: value.text()
    }
  }

  // MARK: - In the place of a text

  var renderText: String { misplaced(field, "an object") }
  var isNull: Bool { false }

  fileprivate func misplaced(_ place: JSONField, _ kind: String) -> String {
    root.found = root.found ?? place.fault("is \(kind), and the template puts it in as a text")
    return ""
  }
}

/// A text of a row, which is false to sections where it is empty and has no fields of its own.
private struct RowText: MustacheParent, MustacheCustomRenderable {
  let renderText: String
  var isNull: Bool { renderText.isEmpty }

  init(_ text: String) { renderText = text }

  func child(named _: String) -> Any? { nil }
}

/// A list of a row.
private struct RowList: MustacheSequence, MustacheCustomRenderable {
  private let elements: [Any]
  private let owner: RowFields
  private let place: JSONField?

  init(_ fields: [JSONField], in owner: RowFields, shown: (JSONField) -> Any?) {
    elements = fields.compactMap(shown)
    self.owner = owner
    place = fields.first
  }

  func makeIterator() -> IndexingIterator<[Any]> { elements.makeIterator() }

  var renderText: String {
    place.map { owner.misplaced($0, "in a list") } ?? ""
  }
  var isNull: Bool { elements.isEmpty }
}
