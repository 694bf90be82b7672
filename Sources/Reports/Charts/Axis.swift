#if canImport(Glibc)
  import Glibc
#endif

/// A scale from values to places, straight or logarithmic, with round ticks.
struct Axis {
  private let low: Double
  private let high: Double
  private let start: Double
  private let end: Double
  private let isLogarithmic: Bool
  /// Where to write numbers, ascending.
  let ticks: [Double]

  /// A straight scale over `values`.
  static func linear(_ values: ClosedRange<Double>, step: Double, from: Double, to: Double) -> Axis
  {
    var ticks: [Double] = []
    var tick = (values.lowerBound / step).rounded(.up) * step
    while tick <= values.upperBound * (1 + 1e-12), ticks.count < 50 {
      ticks.append(tick)
      tick += step
    }
    return Axis(
      low: values.lowerBound, high: values.upperBound, start: from, end: to, isLogarithmic: false,
      ticks: ticks)
  }

  /// A logarithmic scale with room for all positive finite `values`; `nil` if there are none.
  static func logarithmic(_ values: [Double], from: Double, to: Double) -> Axis? {
    let usable = values.filter { $0.isFinite && $0 > 0 }
    guard let least = usable.min(), let most = usable.max() else { return nil }
    // At least half a decade, so that noise does not look like a cliff.
    let middle = least.squareRoot() * most.squareRoot()
    let low = max(min(least / 1.15, middle / 1.8), .leastNormalMagnitude)
    let high = min(max(most * 1.15, middle * 1.8), .greatestFiniteMagnitude)
    let decades = log10(high) - log10(low)
    let steps: [Double] =
      decades > 3 ? [1] : (decades > 2 ? [1, 3] : (decades > 0.9 ? [1, 2, 5] : [1, 2, 3, 5, 7]))
    var ticks: [Double] = []
    for exponent in Int(floor(log10(low)))...Int(floor(log10(high))) {
      for step in steps {
        let tick = step * pow(10, Double(exponent))
        if tick >= low, tick <= high { ticks.append(tick) }
      }
    }
    return Axis(low: low, high: high, start: from, end: to, isLogarithmic: true, ticks: ticks)
  }

  /// The place of `value`, `nil` if it has none.
  func place(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    let share =
      isLogarithmic
      ? (log(value) - log(low)) / (log(high) - log(low)) : (value - low) / (high - low)
    return start + min(max(share, 0), 1) * (end - start)
  }

  /// A tick's number without needless zeros.
  static func label(_ value: Double) -> String {
    if value >= 100 || value == value.rounded() { return Numerals.fixed(value, 0) }
    var text = Numerals.fixed(value, value < 0.01 ? 4 : 2)
    while text.hasSuffix("0") { text.removeLast() }
    return text
  }
}
