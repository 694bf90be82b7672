/// Columns of text for people: first column left, the rest right.
public enum TextTable {
  /// The rows under a header, columns two spaces apart; what would not show, shows.
  public static func text(_ header: [String], _ rows: [[String]]) -> String {
    aligned([header] + rows.map { $0.map(VisibleText.of) }).joined(separator: "\n")
  }

  /// A line for each of `rows`, whose cells are shown as they are.
  static func aligned(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + space : space + cell
      }.joined(separator: "  ")
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
  }
}
