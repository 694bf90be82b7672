import Foundation

/// The tags of a Mustache template, of which those are taken that stand for fields and sections of them.
enum TemplateTags {
  /// Why a template is refused.
  struct Refusal: Error {
    let reason: String
  }

  /// Sections inside one another, at most.
  private static let mostSections = 32

  /// The names in a template.
  ///
  /// - Throws: for partials, blocks, functions and other tags that are none of a field, for one that has no end, and for too many
  ///   sections inside one another.
  static func names(in text: String) throws(Refusal) -> [String] {
    var names: [String] = []
    var depth = 0
    var rest = text[...]
    while let open = rest.firstRange(of: "{{") {
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
        throw Refusal(reason: "a tag has no end")
      }
      var tag = rest[open.upperBound..<close.lowerBound]
      rest = rest[close.upperBound...]
      if tag.first == "{" {
        // Three braces on either side mean the same here.
        tag.removeFirst()
        guard rest.first == "}" else { throw Refusal(reason: "a tag has no end") }
        rest.removeFirst()
      }
      let kind = tag.first
      if kind == "!" { continue }
      if let kind, "#^/&".contains(kind) { tag.removeFirst() }
      let name = tag.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !name.isEmpty, name.allSatisfy(isOfName) else {
        throw Refusal(reason: "{{\(kind.map(String.init) ?? "")\(name)}} is no field")
      }
      if kind == "#" || kind == "^" { depth += 1 }
      if kind == "/" { depth -= 1 }
      guard depth <= mostSections else {
        throw Refusal(reason: "more than \(mostSections) sections inside one another")
      }
      names.append(name)
    }
    return names
  }

  private static func isOfName(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "_-.".contains(character)
  }
}
