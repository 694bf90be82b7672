import Tensors

/// Intervals for differences between two variants measured on the same examples.
///
/// Examples, not tokens, are drawn with replacement: tokens of one example are not independent.
/// Percentile intervals; the draws are a function of the seed alone (``SeededGenerator``).
public struct PairedBootstrap: Sendable {
  /// How many times the examples are drawn again.
  public var resamples: Int
  /// The seed of the draws.
  public var seed: UInt64

  /// Creates a bootstrap; at least one resample is drawn.
  public init(resamples: Int = 2_000, seed: UInt64 = 0) {
    self.resamples = max(resamples, 1)
    self.seed = seed
  }

  /// The 95% interval of Σ numerators ⁄ Σ denominators over resampled examples.
  ///
  /// With denominators 1 this is a mean; with token counts, a mean over tokens; with the teacher's
  /// gain, a retained gain.
  ///
  /// - Returns: `nil` when there are no examples, the lists differ in length, or a resampled
  ///   denominator is 0 in more than one draw in twenty (then the ratio has no meaningful interval).
  public func ratioInterval95(
    numerators: [Double], denominators: [Double]
  ) -> ClosedRange<Double>? {
    draws(numerators: numerators, denominators: denominators).map(PairedBootstrap.interval95)
  }

  /// How NLL(second) − NLL(first), each a mean over all completion tokens, would vary with the examples.
  ///
  /// A draw of examples takes the tokens along: the difference is Σ(second − first) ⁄ Σ tokens of the drawn ones,
  /// the same quantity as the difference of the two figures. A mean of examples' own means would be another one
  /// wherever completions differ in length.
  ///
  /// - Returns: The 95% interval, and the two-sided p of "no difference": twice the share of draws on the smaller
  ///   side of 0, counted (k + 1) ⁄ (draws + 1) so that it is never 0 (Davison and Hinkley, "Bootstrap methods and
  ///   their application", §4.2). `nil` where ``ratioInterval95(numerators:denominators:)`` is, or where the two
  ///   were not measured on the same tokens.
  public func tokenMeanDifference(
    _ first: [ExampleScore], _ second: [ExampleScore]
  ) -> (interval95: ClosedRange<Double>, p: Double)? {
    guard first.map(\.tokenCount) == second.map(\.tokenCount),
      let draws = draws(
        numerators: zip(first, second).map { $1.negativeLogLikelihood - $0.negativeLogLikelihood },
        denominators: first.map { Double($0.tokenCount) })
    else { return nil }
    let smaller = min(draws.count { $0 <= 0 }, draws.count { $0 >= 0 })
    let p = min(1, 2 * Double(smaller + 1) / Double(draws.count + 1))
    return (PairedBootstrap.interval95(draws), p)
  }

  /// The ratios of all draws in increasing order, without those of denominator 0.
  private func draws(numerators: [Double], denominators: [Double]) -> [Double]? {
    guard numerators.count == denominators.count, !numerators.isEmpty else { return nil }
    var generator = SeededGenerator(seed: seed, stream: PairedBootstrap.stream)
    var ratios: [Double] = []
    ratios.reserveCapacity(resamples)
    for _ in 0..<resamples {
      var numerator = 0.0
      var denominator = 0.0
      for _ in 0..<numerators.count {
        let index = generator.index(below: numerators.count)
        numerator += numerators[index]
        denominator += denominators[index]
      }
      let ratio = numerator / denominator
      if ratio.isFinite { ratios.append(ratio) }
    }
    guard ratios.count * 20 >= resamples * 19 else { return nil }
    ratios.sort()
    return ratios
  }

  /// What `statistic` makes of each draw of `count` examples.
  func resampled<Value>(_ count: Int, _ statistic: ([Int]) -> Value) -> [Value] {
    var generator = SeededGenerator(seed: seed, stream: PairedBootstrap.stream)
    return (0..<resamples).map { _ in
      statistic((0..<count).map { _ in generator.index(below: count) })
    }
  }

  /// The 95% interval of a statistic whose draws are `values`; nil for none.
  static func interval95(of values: [Double]) -> ClosedRange<Double>? {
    values.isEmpty ? nil : interval95(values.sorted())
  }

  private static func interval95(_ sorted: [Double]) -> ClosedRange<Double> {
    quantile(sorted, 0.025)...quantile(sorted, 0.975)
  }

  /// The 95% interval of the mean of `differences`, one per example.
  public func meanInterval95(_ differences: [Double]) -> ClosedRange<Double>? {
    ratioInterval95(
      numerators: differences, denominators: [Double](repeating: 1, count: differences.count))
  }

  /// The 95% interval of accuracy(second) − accuracy(first).
  public func accuracyInterval95(_ first: [Bool], _ second: [Bool]) -> ClosedRange<Double>? {
    guard first.count == second.count else { return nil }
    return meanInterval95(zip(first, second).map { ($1 ? 1 : 0) - ($0 ? 1 : 0) })
  }

  /// Linear interpolation between order statistics; `sorted` is not empty.
  private static func quantile(_ sorted: [Double], _ level: Double) -> Double {
    let position = level * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
  }

  /// Keeps these draws apart from other uses of the same seed.
  private static let stream: UInt64 = 0x6273
}
