/// A grid of shares as shades, layers across, module types down.
enum HeatMap {
  private static let labelWidth = 150.0
  private static let meanWidth = 74.0
  private static let width = 960.0
  private static let rowHeight = 24.0
  private static let top = 8.0

  static func svg(_ grid: EnergyGrid, label: String) -> String {
    let right = width - meanWidth
    let cell = min((right - labelWidth) / Double(max(grid.layers.count, 1)), 40)
    let bottom = top + Double(grid.types.count) * rowHeight
    let most = grid.maximum
    var body = ""
    for (row, type) in grid.types.enumerated() {
      let y = top + Double(row) * rowHeight
      body += SVG.text(labelWidth - 10, y + 16, type, "label end", limit: 20)
      for (column, value) in grid.values[row].enumerated() {
        guard let value else { continue }
        let x = labelWidth + Double(column) * cell
        let title = "layer \(grid.layers[column]), \(type): \(Numerals.smallPercent(value))"
        let isShown = value.isFinite && most > 0
        body += SVG.rectangle(
          x, y, max(cell - 1.5, 0.5), rowHeight - 2, isShown ? "heat" : "heat-missing",
          opacity: isShown ? 0.05 + 0.95 * max(value, 0) / most : nil, title: title)
      }
      if let mean = grid.mean(ofType: row) {
        let x = labelWidth + Double(grid.layers.count) * cell + 8
        body += SVG.text(x, y + 16, Numerals.smallPercent(mean), "value small")
      }
    }
    // As many layer numbers as have room of some 40 units each.
    let stride = max(Int((36 / cell).rounded(.up)), 1)
    for (column, layer) in grid.layers.enumerated() where column % stride == 0 {
      let x = labelWidth + (Double(column) + 0.5) * cell
      body += SVG.text(x, bottom + 16, "\(layer)", "tick middle")
    }
    body += SVG.text(labelWidth - 10, bottom + 16, "layer", "tick end")
    body += SVG.text(
      labelWidth + Double(grid.layers.count) * cell + 8, bottom + 16, "mean", "tick")
    return SVG.picture(width: width, height: bottom + 26, label: label, body)
  }
}
