#if canImport(Glibc)
  import Glibc
#endif

/// Whether two classifiers, right or wrong on the same examples, differ.
public enum McNemarTest {
  /// The exact two-sided p-value from the discordant pairs.
  ///
  /// Under the null hypothesis each of the n = `onlyFirst` + `onlySecond` examples that exactly one
  /// side has right falls to either side with probability ½, so
  /// p = min(1, 2·Σ_{k ≤ min} C(n, k)·2⁻ⁿ). Concordant examples carry no information.
  ///
  /// - Parameters:
  ///   - onlyFirst: Examples only the first side has right.
  ///   - onlySecond: Examples only the second side has right.
  /// - Returns: 1 when there is no discordant pair. Exact to about 1e-12 relative.
  public static func exactP(onlyFirst: Int, onlySecond: Int) -> Double {
    let count = onlyFirst + onlySecond
    let smaller = min(onlyFirst, onlySecond)
    guard count > 0, smaller >= 0, onlyFirst != onlySecond else { return 1 }
    // Terms grow up to `smaller`, so sum downwards from the largest: C(n, k-1) = C(n, k)·k/(n-k+1).
    let logLargest =
      lgamma(Double(count) + 1) - lgamma(Double(smaller) + 1) - lgamma(Double(count - smaller) + 1)
      - Double(count) * log(2.0)
    var ratio = 1.0
    var sum = 1.0
    var k = smaller
    while k > 0, ratio > sum * 1e-17 {
      ratio *= Double(k) / Double(count - k + 1)
      sum += ratio
      k -= 1
    }
    return min(1, 2 * exp(logLargest) * sum)
  }

  /// The exact two-sided p-value for two lists of right/wrong over the same examples.
  ///
  /// - Returns: `nil` when the lists differ in length.
  public static func exactP(_ first: [Bool], _ second: [Bool]) -> Double? {
    guard first.count == second.count else { return nil }
    var onlyFirst = 0
    var onlySecond = 0
    for (a, b) in zip(first, second) where a != b {
      if a { onlyFirst += 1 } else { onlySecond += 1 }
    }
    return exactP(onlyFirst: onlyFirst, onlySecond: onlySecond)
  }
}
