/// How numbers that a model answered go with the right ones: what GLUE judges similarities of texts by.
public struct CorrelationScores: Hashable, Sendable {
  /// Pearson's r, in [−1, 1]; 0 where one side is all alike.
  public var pearson: Double
  /// Spearman's ρ: Pearson's r of the ranks, ties sharing the mean of theirs.
  public var spearman: Double
  /// The 95% interval of ``pearson`` over resampled examples.
  public var pearsonInterval95: ClosedRange<Double>?
  /// The 95% interval of ``spearman`` over resampled examples.
  public var spearmanInterval95: ClosedRange<Double>?

  /// ``pearson`` of every resample.
  private let pearsonDraws: [Double]
  /// ``spearman`` of every resample.
  private let spearmanDraws: [Double]

  /// The figures of `given` numbers where `right` are right; nil where the lists differ in length or are empty.
  public init?(right: [Double], given: [Double], bootstrap: PairedBootstrap = PairedBootstrap()) {
    guard right.count == given.count, !right.isEmpty else { return nil }
    pearson = CorrelationScores.pearson(right, given)
    spearman = CorrelationScores.spearman(right, given)
    let draws = bootstrap.resampled(right.count) { drawn in
      let (a, b) = (drawn.map { right[$0] }, drawn.map { given[$0] })
      return (CorrelationScores.pearson(a, b), CorrelationScores.spearman(a, b))
    }
    (pearsonDraws, spearmanDraws) = (draws.map(\.0), draws.map(\.1))
    pearsonInterval95 = PairedBootstrap.interval95(of: pearsonDraws)
    spearmanInterval95 = PairedBootstrap.interval95(of: spearmanDraws)
  }

  /// How the figures of `other`, of the same examples by the same bootstrap, differ from these.
  public func differences(
    to other: CorrelationScores
  ) -> (pearson: PairedDifference, spearman: PairedDifference) {
    (
      PairedDifference((pearson, pearsonDraws), (other.pearson, other.pearsonDraws)),
      PairedDifference((spearman, spearmanDraws), (other.spearman, other.spearmanDraws))
    )
  }

  private static func spearman(_ a: [Double], _ b: [Double]) -> Double {
    pearson(ranks(a), ranks(b))
  }

  /// `Σ (a − ā)(b − b̄) ⁄ √(Σ (a − ā)² · Σ (b − b̄)²)`.
  private static func pearson(_ a: [Double], _ b: [Double]) -> Double {
    let count = Double(a.count)
    let (meanA, meanB) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
    var (product, squareA, squareB) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      product += (x - meanA) * (y - meanB)
      squareA += (x - meanA) * (x - meanA)
      squareB += (y - meanB) * (y - meanB)
    }
    let spread = (squareA * squareB).squareRoot()
    return spread > 0 ? product / spread : 0
  }

  private static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for place in start...end { ranks[order[place]] = Double(start + end) / 2 }
      start = end + 1
    }
    return ranks
  }
}
