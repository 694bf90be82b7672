/// Cells and rows of RFC 4180 that a spreadsheet will not take for formulas.
enum CSVText {
  /// One cell: text that starts with `= + - @`, tab or return gets a leading `'`, and quotes where needed.
  static func cell(_ text: String) -> String {
    var safe = text
    if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
      safe = "'" + text
    }
    let needsQuotes = safe.unicodeScalars.contains { ",\"\n\r".unicodeScalars.contains($0) }
    guard needsQuotes else { return safe }
    var out = String.UnicodeScalarView()
    for scalar in safe.unicodeScalars {
      if scalar == "\"" { out.append(scalar) }
      out.append(scalar)
    }
    return "\"\(String(out))\""
  }

  /// A number as it is: a minus sign in front of digits is not a formula.
  static func cell(_ number: Double?) -> String {
    guard let number else { return "" }
    return number.isFinite ? number.description : "nan"
  }

  /// A count.
  static func cell(_ number: Int?) -> String { number.map(String.init) ?? "" }

  /// One line with its CRLF.
  static func row(_ cells: [String]) -> String { cells.joined(separator: ",") + "\r\n" }
}
