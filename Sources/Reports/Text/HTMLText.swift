import Mustache

/// Escaping for HTML text and quoted attributes, scalar by scalar.
///
/// The template engine's own escaping compares grapheme clusters, so a quote followed by a combining
/// accent would pass it unescaped (`formats/report.md` §5).
struct HTMLText: MustacheContentType {
  /// The name templates use in `{{% CONTENT_TYPE: … }}`.
  static let name = "XSPRESS_HTML"

  func escapeText(_ text: String) -> String { HTMLText.escaped(text) }

  /// What is escaped.
  private static let special = Set("<>&\"'".utf8)

  /// `text` for element content or a double-quoted attribute.
  static func escaped(_ text: String) -> String {
    let visible = VisibleText.of(text)
    guard visible.utf8.contains(where: special.contains) else { return visible }
    var out = String.UnicodeScalarView()
    for scalar in visible.unicodeScalars {
      switch scalar {
      case "<": out.append(contentsOf: "&lt;".unicodeScalars)
      case ">": out.append(contentsOf: "&gt;".unicodeScalars)
      case "&": out.append(contentsOf: "&amp;".unicodeScalars)
      case "\"": out.append(contentsOf: "&quot;".unicodeScalars)
      case "'": out.append(contentsOf: "&#39;".unicodeScalars)
      default: out.append(scalar)
      }
    }
    return String(out)
  }
}
