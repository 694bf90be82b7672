/// Names from untrusted files as a reader may see them: nothing invisible, nothing that reorders text.
enum VisibleText {
  /// `text` with control, line-breaking and bidirectional-control characters as `\u{…}`.
  ///
  /// Escaping for HTML, CSV or Markdown comes after this.
  static func of(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isVisible(scalar) {
        out.append(scalar)
      } else {
        out.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      }
    }
    return String(out)
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
      .unassigned:
      false
    default: true
    }
  }
}
