/// Training and validation loss by step, logarithmic, with the step that was kept.
enum LossChart {
  private static let left = 64.0
  private static let right = 936.0
  private static let top = 26.0
  private static let bottom = 276.0

  /// Empty when no loss is positive and finite.
  static func svg(_ tuning: TuningRecord) -> String {
    let points = tuning.trainLoss + tuning.validationLoss
    guard let loss = Axis.logarithmic(points.map(\.loss), from: bottom, to: top) else { return "" }
    let last = max(points.map(\.step).max() ?? 1, 1)
    let step = Axis.linear(
      0...Double(last), step: roundStep(Double(last)), from: left, to: right)
    func places(_ points: [TuningRecord.Point]) -> [(x: Double, y: Double)] {
      points.compactMap { point in
        guard let x = step.place(Double(point.step)), let y = loss.place(point.loss) else {
          return nil
        }
        return (x, y)
      }
    }

    var body = ""
    for tick in loss.ticks {
      guard let y = loss.place(tick) else { continue }
      body += SVG.line(left, y, right, y, "grid")
      body += SVG.text(left - 8, y + 4, Axis.label(tick), "tick end")
    }
    for tick in step.ticks {
      guard let x = step.place(tick) else { continue }
      body += SVG.text(x, bottom + 20, Numerals.fixed(tick, 0), "tick middle")
    }
    body += SVG.line(left, bottom, right, bottom, "axis")
    if tuning.bestStep > 0 || !tuning.validationLoss.isEmpty,
      let x = step.place(Double(tuning.bestStep))
    {
      body += SVG.line(x, top - 6, x, bottom, "best")
      let isLate = x > (left + right) / 2
      body += SVG.text(
        x + (isLate ? -6 : 6), top + 4, "kept: step \(tuning.bestStep)",
        isLate ? "tick end" : "tick")
    }
    body += SVG.polyline(places(tuning.trainLoss), "train-raw")
    body += SVG.polyline(places(smoothed(tuning.trainLoss)), "train")
    let validation = places(tuning.validationLoss)
    body += SVG.polyline(validation, "validation")
    for place in validation { body += SVG.circle(place.x, place.y, 3.5, "dot validation-dot") }
    return SVG.picture(
      width: 960, height: bottom + 30, label: "Training and validation loss by step", body)
  }

  /// The running mean over a tenth of the steps, so that batches' noise does not hide the course.
  private static func smoothed(_ points: [TuningRecord.Point]) -> [TuningRecord.Point] {
    let finite = points.filter(\.loss.isFinite)
    let half = max(finite.count / 20, 1)
    guard finite.count > 8 else { return [] }
    return finite.indices.map { index in
      let window = finite[max(index - half, 0)...min(index + half, finite.count - 1)]
      return TuningRecord.Point(
        step: finite[index].step, loss: window.map(\.loss).reduce(0, +) / Double(window.count))
    }
  }

  /// A tick distance of 1, 2 or 5 times a power of ten that gives at most ten ticks.
  private static func roundStep(_ last: Double) -> Double {
    var power = 1.0
    while true {
      for factor in [1.0, 2, 5] where last / (factor * power) <= 10 { return factor * power }
      power *= 10
    }
  }
}
