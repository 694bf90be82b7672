import Tensors

/// Figures of a classifier over labels, from the label that is right for each example and the one that it was given.
///
/// For labels of unequal frequency accuracy says little: who always names the most frequent one scores well.
public struct LabelScores: Hashable, Sendable {
  /// The unweighted mean over labels of F1 = 2·TP ⁄ (2·TP + FP + FN), 0 for a label that is never hit; over the labels that
  /// are right or given somewhere, as scikit-learn's `f1_score(average="macro")`.
  public var macroF1: Double
  /// The correlation of right and given labels, in [−1, 1]; 0 where one side has a single label.
  ///
  /// For two labels Matthews' φ, for more Gorodkin's R_K ("Comparing two K-category assignments by a K-category correlation
  /// coefficient", 2004).
  public var matthews: Double
  /// The 95% interval of ``macroF1`` over resampled examples.
  public var macroF1Interval95: ClosedRange<Double>?
  /// The 95% interval of ``matthews`` over resampled examples.
  public var matthewsInterval95: ClosedRange<Double>?

  /// ``macroF1`` of every resample.
  private let macroF1Draws: [Double]
  /// ``matthews`` of every resample.
  private let matthewsDraws: [Double]

  /// The figures of `given` labels where `right` are right, numbers in `0..<labels`; nil where the lists differ in length or
  /// are empty.
  public init?(
    right: [Int], given: [Int], labels: Int, bootstrap: PairedBootstrap = PairedBootstrap()
  ) {
    guard right.count == given.count, !right.isEmpty,
      (right + given).allSatisfy({ (0..<labels).contains($0) })
    else { return nil }
    let whole = Confusion(labels: labels, right, given, right.indices)
    (macroF1, matthews) = (whole.macroF1, whole.matthews)
    let draws = bootstrap.resampled(right.count) { drawn in
      let confusion = Confusion(labels: labels, right, given, drawn)
      return (confusion.macroF1, confusion.matthews)
    }
    (macroF1Draws, matthewsDraws) = (draws.map(\.0), draws.map(\.1))
    macroF1Interval95 = PairedBootstrap.interval95(of: macroF1Draws)
    matthewsInterval95 = PairedBootstrap.interval95(of: matthewsDraws)
  }

  /// How the figures of `other`, of the same examples by the same bootstrap, differ from these.
  public func differences(
    to other: LabelScores
  ) -> (macroF1: PairedDifference, matthews: PairedDifference) {
    (
      PairedDifference((macroF1, macroF1Draws), (other.macroF1, other.macroF1Draws)),
      PairedDifference((matthews, matthewsDraws), (other.matthews, other.matthewsDraws))
    )
  }
}

/// How often each label was right, given, and both.
private struct Confusion {
  private var right: [Int]
  private var given: [Int]
  private var hits: [Int]

  init(labels: Int, _ rightLabels: [Int], _ givenLabels: [Int], _ examples: some Sequence<Int>) {
    right = [Int](repeating: 0, count: labels)
    (given, hits) = (right, right)
    for example in examples {
      right[rightLabels[example]] += 1
      given[givenLabels[example]] += 1
      if rightLabels[example] == givenLabels[example] { hits[rightLabels[example]] += 1 }
    }
  }

  var macroF1: Double {
    let present = right.indices.filter { right[$0] + given[$0] > 0 }
    let sum = present.reduce(0.0) { $0 + 2 * Double(hits[$1]) / Double(right[$1] + given[$1]) }
    return sum / Double(max(present.count, 1))
  }

  var matthews: Double {
    let count = Double(right.reduce(0, +))
    let correct = Double(hits.reduce(0, +))
    func products(_ a: [Int], _ b: [Int]) -> Double {
      zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let spread =
      (count * count - products(given, given)) * (count * count - products(right, right))
    guard spread > 0 else { return 0 }
    return (correct * count - products(right, given)) / spread.squareRoot()
  }
}
