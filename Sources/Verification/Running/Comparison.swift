/// The one meaning of error (`formats/golden.md` §6.1).
enum Comparison {
  /// max|found − expected| / max|expected|; infinite for another count or anything not finite.
  static func relative<F: BinaryFloatingPoint, E: BinaryFloatingPoint>(
    _ found: some Collection<F>, _ expected: some Collection<E>
  ) -> Double {
    guard found.count == expected.count else { return .infinity }
    var scale = 0.0
    var worst = 0.0
    for (a, b) in zip(found, expected) {
      let difference = abs(Double(a) - Double(b))
      guard difference.isFinite else { return .infinity }
      scale = max(scale, abs(Double(b)))
      worst = max(worst, difference)
    }
    return scale == 0 ? worst : worst / scale
  }

  /// max|found − expected|; infinite for another count or anything not finite.
  static func absolute(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var worst = 0.0
    for (a, b) in zip(found, expected) {
      guard (a - b).isFinite else { return .infinity }
      worst = max(worst, abs(a - b))
    }
    return worst
  }

  /// How many elements differ; the longer count where the counts differ.
  static func differences<T: Equatable>(_ found: [T], _ expected: [T]) -> Int {
    guard found.count == expected.count else { return max(found.count, expected.count) }
    return zip(found, expected).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
  }
}
