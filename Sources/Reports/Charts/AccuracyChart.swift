/// Accuracy with its interval, and NLL on a logarithmic scale, one row a variant.
enum AccuracyChart {
  private static let labelWidth = 216.0
  private static let accuracyEnd = 596.0
  private static let lossStart = 676.0
  private static let lossEnd = 896.0
  private static let width = 960.0
  private static let rowHeight = 30.0
  private static let top = 34.0

  static func svg(_ evaluation: EvaluationRecord) -> String {
    let rows = evaluation.variants
    let bottom = top + Double(rows.count) * rowHeight
    let accuracy = Axis.linear(0...1, step: 0.2, from: labelWidth, to: accuracyEnd)
    let loss = Axis.logarithmic(rows.map(\.nll), from: lossStart, to: lossEnd)

    var body = SVG.text(labelWidth, 14, "accuracy, 95% interval", "chart-title")
    body += SVG.text(lossStart, 14, "NLL per token, logarithmic", "chart-title")
    for tick in accuracy.ticks {
      guard let x = accuracy.place(tick) else { continue }
      body += SVG.line(x, top - 8, x, bottom, "grid")
      body += SVG.text(x, bottom + 18, Numerals.percent(tick, 0), "tick middle")
    }
    for tick in loss?.ticks ?? [] {
      guard let x = loss?.place(tick) else { continue }
      body += SVG.line(x, top - 8, x, bottom, "grid")
      body += SVG.text(x, bottom + 18, Axis.label(tick), "tick middle")
    }
    for (index, variant) in rows.enumerated() {
      body += row(
        variant, y: top + (Double(index) + 0.5) * rowHeight, accuracy: accuracy, loss: loss)
    }
    return SVG.picture(
      width: width, height: bottom + 28, label: "Accuracy and NLL of each variant", body)
  }

  private static func row(
    _ variant: VariantResult, y: Double, accuracy: Axis, loss: Axis?
  ) -> String {
    let kind = "kind-\(variant.kind.rawValue)"
    var out = SVG.text(labelWidth - 14, y + 4.5, variant.name, "label end \(kind)-text", limit: 30)
    if let range = variant.accuracyCI95, let low = accuracy.place(range.lowerBound),
      let high = accuracy.place(range.upperBound)
    {
      out += SVG.line(low, y, high, y, "whisker \(kind)")
    }
    if let x = accuracy.place(variant.accuracy) { out += SVG.circle(x, y, 5.5, "dot \(kind)") }
    out += SVG.text(
      accuracyEnd + 10, y + 4.5, Numerals.percent(variant.accuracy), "value \(kind)-text")
    if let x = loss?.place(variant.nll) { out += SVG.circle(x, y, 5.5, "dot \(kind)") }
    out += SVG.text(
      lossEnd + 8, y + 4.5, Numerals.fixed(variant.nll, 3), "value \(kind)-text")
    return out
  }
}
