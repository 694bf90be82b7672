/// Names from untrusted files as a reader may see them: nothing invisible, nothing that reorders text.
public enum VisibleText {
  /// `text` with control, line-breaking and bidirectional-control characters as `\u{…}`.
  ///
  /// Escaping for HTML, CSV or Markdown comes after this.
  public static func of(_ text: String) -> String {
    guard !isPlain(text) else { return text }
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

  /// A JSON text with the same characters, but its own ends of lines, as JSON escapes: outside strings it has none.
  public static func json(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if scalar == "\n" || isVisible(scalar) {
        out.append(scalar)
      } else {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          let zeros = String(repeating: "0", count: 4 - digits.count)
          out.append(contentsOf: "\\u\(zeros)\(digits)".unicodeScalars)
        }
      }
    }
    return String(out)
  }

  /// Whether all of `text` is printable ASCII, as nearly all of it is: nothing is looked up then.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
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
