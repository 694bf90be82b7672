/// Interval for a success rate that behaves at the ends.
public enum WilsonInterval {
  /// The 97.5th percentile of the standard normal distribution.
  private static let z = 1.959963984540054

  /// The Wilson score interval of `successes` out of `count`, 95%.
  ///
  /// (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n). Unlike p̂ ± z·√(p̂(1−p̂)/n) it stays inside
  /// [0, 1] and has width at 0 of n and n of n. Source: Wilson, "Probable inference", 1927.
  ///
  /// - Returns: `nil` when `count` is 0 or `successes` is not in `0...count`.
  public static func interval95(successes: Int, count: Int) -> ClosedRange<Double>? {
    guard count > 0, (0...count).contains(successes) else { return nil }
    let n = Double(count)
    let rate = Double(successes) / n
    let scale = 1 + z * z / n
    let centre = (rate + z * z / (2 * n)) / scale
    let half = z * (rate * (1 - rate) / n + z * z / (4 * n * n)).squareRoot() / scale
    // The end that touches 0 or 1 does so exactly; rounding would leave 1e-17.
    let low = successes == 0 ? 0 : max(centre - half, 0)
    let high = successes == count ? 1 : min(centre + half, 1)
    return low...high
  }
}
