/// Two variants compared example by example.
public struct PairResult: Hashable, Sendable {
  /// Index of the first variant in the record's list.
  public var a: Int
  /// Index of the second variant.
  public var b: Int
  /// Accuracy of `b` minus accuracy of `a`.
  public var delta: Double
  /// Paired-bootstrap 95% interval of `delta`.
  public var deltaCI95: ClosedRange<Double>?
  /// Exact two-sided McNemar p-value.
  public var mcnemarP: Double
  /// NLL of `b` minus NLL of `a`.
  public var nllDelta: Double?
  /// Paired-bootstrap 95% interval of `nllDelta`.
  public var nllDeltaCI95: ClosedRange<Double>?
  /// Two-sided p of `nllDelta` being 0, by the same draws; absent from records of versions before it.
  public var nllP: Double?

  /// What else the examples are judged by; empty where that is accuracy and NLL alone.
  public var others: [MetricDifference]

  /// Another metric of both variants.
  public struct MetricDifference: Hashable, Sendable {
    /// What is compared.
    public enum Metric: String, CaseIterable, Sendable {
      case macroF1 = "macro_f1"
      case matthews, pearson, spearman
    }

    /// What is compared.
    public var metric: Metric
    /// The figure of `b` minus that of `a`.
    public var delta: Double
    /// Paired-bootstrap 95% interval of `delta`.
    public var deltaCI95: ClosedRange<Double>?

    /// Creates a difference.
    public init(_ metric: Metric, delta: Double, deltaCI95: ClosedRange<Double>?) {
      self.metric = metric
      self.delta = delta
      self.deltaCI95 = deltaCI95
    }
  }

  /// Creates a comparison.
  public init(
    a: Int, b: Int, delta: Double, deltaCI95: ClosedRange<Double>? = nil, mcnemarP: Double,
    nllDelta: Double? = nil, nllDeltaCI95: ClosedRange<Double>? = nil,
    nllP: Double? = nil, others: [MetricDifference] = []
  ) {
    self.a = a
    self.b = b
    self.delta = delta
    self.deltaCI95 = deltaCI95
    self.mcnemarP = mcnemarP
    self.nllDelta = nllDelta
    self.nllDeltaCI95 = nllDeltaCI95
    self.nllP = nllP
    self.others = others
  }
}
