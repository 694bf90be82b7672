/// NLL and accuracy against bytes, one line a series, beside the LoRA as shipped.
enum FrontierChart {
  private static let left = 64.0
  private static let right = 936.0
  private static let panelHeight = 210.0
  private static let legendHeight = 24.0
  private static let perLegendRow = 3

  static func svg(_ frontier: Frontier) -> String {
    let points = frontier.series.flatMap(\.points)
    guard
      let bytes = Axis.logarithmic(points.map { Double($0.bytes) }, from: left, to: right)
    else { return "" }
    let losses = points.map(\.nll) + (frontier.lora.map { [$0.nll] } ?? [])
    let rows = (frontier.series.count + perLegendRow - 1) / perLegendRow
    let lossTop = Double(rows) * legendHeight + 40
    let lossBottom = lossTop + panelHeight
    let accuracyTop = lossBottom + 66
    let bottom = accuracyTop + panelHeight
    let accuracies = (points.map(\.accuracy) + (frontier.lora.map { [$0.accuracy] } ?? []))
      .filter(\.isFinite)
    let floor = min(max(0, ((accuracies.min() ?? 0) * 10 - 0.2).rounded(.down) / 10), 0.9)
    let accuracy = Axis.linear(
      floor...1, step: floor >= 0.7 ? 0.05 : (floor >= 0.5 ? 0.1 : 0.2), from: bottom,
      to: accuracyTop)

    var body = legend(frontier)
    body += SVG.text(left, lossTop - 14, "NLL per token, logarithmic", "chart-title")
    if let loss = Axis.logarithmic(losses, from: lossBottom, to: lossTop) {
      body += panel(
        frontier, bytes: bytes, bottom: lossBottom, top: lossTop, axis: loss, label: Axis.label,
        lora: frontier.lora?.nll, value: \.nll, range: { _ in nil })
    }
    body += SVG.text(left, accuracyTop - 14, "accuracy, 95% intervals", "chart-title")
    body += panel(
      frontier, bytes: bytes, bottom: bottom, top: accuracyTop, axis: accuracy,
      label: { Numerals.percent($0, 0) }, lora: frontier.lora?.accuracy, value: \.accuracy,
      range: \.range)
    return SVG.picture(
      width: 960, height: bottom + 30, label: "NLL and accuracy of \(frontier.adapter) by bytes",
      body)
  }

  /// The class that colours a series; the palette repeats after six controls.
  private static func style(_ frontier: Frontier, _ index: Int) -> String {
    guard frontier.series[index].isControl else {
      let results = frontier.series[..<index].count { !$0.isControl }
      return results == 0 ? "series-result" : "series-result-2"
    }
    let controls = frontier.series[..<index].count(where: \.isControl)
    return "series-control-\(controls % 6)"
  }

  private static func legend(_ frontier: Frontier) -> String {
    var body = ""
    for (index, series) in frontier.series.enumerated() {
      let x = left + Double(index % perLegendRow) * (right - left) / Double(perLegendRow)
      let y = Double(index / perLegendRow) * legendHeight + 14
      let style = style(frontier, index)
      body += SVG.line(x, y - 4, x + 26, y - 4, "series \(style)")
      body += SVG.circle(x + 13, y - 4, 4, "series-dot \(style)")
      body += SVG.text(x + 34, y, series.name, "label", limit: 34)
    }
    return body
  }

  private static func panel(
    _ frontier: Frontier, bytes: Axis, bottom: Double, top: Double, axis: Axis,
    label: (Double) -> String, lora: Double?, value: (Frontier.Point) -> Double,
    range: (Frontier.Point) -> ClosedRange<Double>?
  ) -> String {
    var body = ""
    for tick in axis.ticks {
      guard let y = axis.place(tick) else { continue }
      body += SVG.line(left, y, right, y, "grid")
      body += SVG.text(left - 8, y + 4, label(tick), "tick end")
    }
    for tick in bytes.ticks {
      guard let x = bytes.place(tick) else { continue }
      body += SVG.line(x, bottom, x, bottom + 4, "axis")
      body += SVG.text(
        x, bottom + 19, Numerals.bytes(Int(exactly: tick.rounded()) ?? Int.max), "tick middle")
    }
    body += SVG.line(left, bottom, right, bottom, "axis")
    if let y = lora.flatMap(axis.place) {
      body += SVG.line(left, y, right, y, "series-lora")
      body += SVG.text(right, y - 5, "LoRA as shipped", "tick end")
    }
    for (index, series) in frontier.series.enumerated() {
      let style = style(frontier, index)
      var places: [(x: Double, y: Double)] = []
      for point in series.points {
        guard let x = bytes.place(Double(point.bytes)), let y = axis.place(value(point)) else {
          continue
        }
        if let range = range(point), !series.isControl, let low = axis.place(range.lowerBound),
          let high = axis.place(range.upperBound)
        {
          body += SVG.line(x, low, x, high, "whisker \(style)")
        }
        places.append((x, y))
      }
      body += SVG.polyline(places, "series \(style)")
      for place in places { body += SVG.circle(place.x, place.y, 4.5, "series-dot \(style)") }
    }
    return body
  }
}
