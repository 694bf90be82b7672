/// Bytes as shipped, in F16, and as artifact, three bars a job on one straight scale; jobs without an adapter have none.
enum BytesChart {
  private static let labelWidth = 216.0
  private static let barEnd = 800.0
  private static let width = 960.0
  private static let barHeight = 13.0
  private static let groupHeight = 62.0

  static func svg(_ jobs: [JobRecord]) -> String {
    let rows = jobs.compactMap { job in
      job.sizes.flatMap { sizes in
        sizes.asShipped.map { (job.name, sizes, $0, sizes.f16Equivalent ?? 0) }
      }
    }
    let most = rows.map { max($2, $3, $1.artifact) }.max() ?? 0
    guard most > 0 else { return "" }
    var body = ""
    for (index, (name, sizes, asShipped, f16Equivalent)) in rows.enumerated() {
      let top = Double(index) * groupHeight + 4
      body += SVG.text(labelWidth - 14, top + 25, name, "label end", limit: 30)
      let bars: [(Int, String, String)] = [
        (asShipped, "bar-shipped", "as shipped"), (f16Equivalent, "bar-f16", "as F16"),
        (sizes.artifact, "bar-artifact", "artifact"),
      ]
      for (position, (bytes, style, word)) in bars.enumerated() {
        let y = top + Double(position) * (barHeight + 3)
        let length = Double(bytes) / Double(most) * (barEnd - labelWidth)
        body += SVG.rectangle(
          labelWidth, y, max(length, 1.5), barHeight, style,
          title: "\(word): \(Numerals.grouped(bytes)) bytes")
        let smaller = style == "bar-artifact" && bytes > 0 ? sizes.ratioAsShipped : nil
        let ratio = smaller.map { ", \(Numerals.ratio($0)) smaller" } ?? ""
        body += SVG.text(
          labelWidth + max(length, 1.5) + 8, y + barHeight - 2.5,
          "\(Numerals.bytes(bytes)) \(word)\(ratio)", "value small")
      }
    }
    return SVG.picture(
      width: width, height: Double(rows.count) * groupHeight, label: "Bytes before and after", body)
  }
}
