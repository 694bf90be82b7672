/// What every measured job retains of its LoRA's gain, against the bytes of its artifact.
enum FleetChart {
  private static let left = 64.0
  private static let right = 936.0
  private static let top = 34.0
  private static let bottom = 294.0
  /// Of more jobs no interval is drawn: lines would be all there is to see.
  private static let mostIntervals = 200

  /// The picture; empty where fewer than two jobs were measured.
  static func svg(_ rows: [OverviewRow]) -> String {
    let points = rows.compactMap { row in
      row.retained.flatMap { retained in
        row.artifactBytes.map { (bytes: Double($0), retained: retained, row: row) }
      }
    }.filter { $0.retained.isFinite }
    guard points.count > 1,
      let bytes = Axis.logarithmic(points.map(\.bytes), from: left, to: right)
    else { return "" }
    let least = points.map(\.retained).min() ?? 0
    let most = points.map(\.retained).max() ?? 1
    // What lies beyond is drawn at the edge.
    let low = min(max((least * 10 - 0.5).rounded(.down) / 10, -0.2), 0.9)
    let high = min(max((most * 10 + 0.2).rounded(.up) / 10, 1), 1.2)
    let gain = Axis.linear(low...high, step: high - low > 0.5 ? 0.2 : 0.1, from: bottom, to: top)
    let hasIntervals = points.count <= mostIntervals
    var body = SVG.text(
      left, top - 14, "gain retained" + (hasIntervals ? ", 95% intervals" : ""), "chart-title")
    for tick in gain.ticks {
      guard let y = gain.place(tick) else { continue }
      body += SVG.line(left, y, right, y, "grid")
      body += SVG.text(left - 8, y + 4, Numerals.percent(tick, 0), "tick end")
    }
    for tick in bytes.ticks {
      guard let x = bytes.place(tick) else { continue }
      body += SVG.line(x, bottom, x, bottom + 4, "axis")
      body += SVG.text(
        x, bottom + 19, Numerals.bytes(Int(exactly: tick.rounded()) ?? Int.max), "tick middle")
    }
    body += SVG.line(left, bottom, right, bottom, "axis")
    // Dots that would cover each other are one.
    var drawn = Set<[Int]>()
    for point in points {
      guard let x = bytes.place(point.bytes), let y = gain.place(point.retained) else { continue }
      if hasIntervals, let range = point.row.retainedRange,
        let below = gain.place(range.lowerBound), let above = gain.place(range.upperBound)
      {
        body += SVG.line(x, below, x, above, "whisker series-result")
      }
      guard drawn.insert([Int(x.rounded()), Int(y.rounded())]).inserted else { continue }
      body += SVG.circle(x.rounded(), y.rounded(), 3, "series-dot series-result")
    }
    return SVG.picture(
      width: 960, height: bottom + 30, label: "Gain retained by bytes of the artifact", body)
  }
}
