/// Text and tables of GitHub-flavoured Markdown.
enum MarkdownText {
  /// `text` with everything escaped that Markdown or HTML inside it could act on.
  static func escaped(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in VisibleText.of(text).unicodeScalars {
      switch scalar {
      case "<": out.append(contentsOf: "&lt;".unicodeScalars)
      case ">": out.append(contentsOf: "&gt;".unicodeScalars)
      case "&": out.append(contentsOf: "&amp;".unicodeScalars)
      case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "$", "!":
        out.append("\\")
        out.append(scalar)
      default: out.append(scalar)
      }
    }
    return String(out)
  }

  /// A table of cells that are Markdown already.
  ///
  /// Columns named in `numeric` align right.
  static func table(_ header: [String], numeric: Set<Int>, _ rows: [[String]]) -> String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    let rule = header.indices.map { numeric.contains($0) ? "--:" : ":--" }
    return line(header) + line(rule) + rows.map(line).joined()
  }
}
