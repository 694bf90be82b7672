/// The table of options on `formats/manifest.md`, made from the fields.
package enum ManifestPage {
  /// The lines that stand before and after the table.
  package static let (opening, closing) = (
    "<!-- fields: made by `make documents` -->", "<!-- end of fields -->"
  )

  /// The table: one row a field, a line between groups.
  package static var table: String {
    var lines = [
      opening, "| key | option | values | where nobody says | |", "|---|---|---|---|---|",
    ]
    for group in FieldGroup.allCases {
      lines.append("| **\(group.title)** | | | | |")
      for field in Field.all where field.group == group { lines.append(row(field)) }
    }
    return (lines + [closing]).joined(separator: "\n")
  }

  private static func row(_ field: Field) -> String {
    let option = "`--\(field.flag)`"
    let commands =
      field.commands == Field.Command.allCases
      ? "" : " (\(field.commands.map(\.rawValue).joined(separator: ", ")))"
    let values: String =
      switch field.form {
      case .word, .words, .truth:
        field.form.summary.components(", ").map { "`\($0)`" }.joined(separator: ", ")
      default: field.form.summary
      }
    return
      "| `\(field.key)` | \(option)\(commands) | \(values) | \(field.standard) | \(field.help) |"
  }

  /// `page` with its table replaced; nil where the two lines are not there once each and in order.
  package static func updated(_ page: String) -> String? {
    let start = page.components(opening)
    guard start.count == 2 else { return nil }
    let end = start[1].components(closing)
    guard end.count == 2 else { return nil }
    return start[0] + table + end[1]
  }
}

extension String {
  fileprivate func components(_ separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}
