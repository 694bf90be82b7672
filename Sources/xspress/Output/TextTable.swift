import Reports

/// Columns of text for people: first column left, the rest right.
enum TextTable {
  /// The rows under a header, columns two spaces apart.
  static func text(_ header: [String], _ rows: [[String]]) -> String {
    let all = [header] + rows.map { $0.map(VisibleText.of) }
    let widths = header.indices.map { column in
      all.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
    }
    return all.map { row in
      row.enumerated().map { column, cell in
        let pad = String(repeating: " ", count: max(0, widths[column] - cell.count))
        return column == 0 ? cell + pad : pad + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
