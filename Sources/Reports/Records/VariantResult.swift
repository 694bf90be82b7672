/// Figures of a classifier, with 95% intervals over resampled examples.
public struct LabelFigures: Hashable, Sendable {
  /// The mean of the labels' F1.
  public var macroF1: Double
  /// The interval of ``macroF1``.
  public var macroF1CI95: ClosedRange<Double>?
  /// Matthews' correlation of right and given labels.
  public var matthews: Double
  /// The interval of ``matthews``.
  public var matthewsCI95: ClosedRange<Double>?

  /// Creates figures.
  public init(
    macroF1: Double, macroF1CI95: ClosedRange<Double>?, matthews: Double,
    matthewsCI95: ClosedRange<Double>?
  ) {
    self.macroF1 = macroF1
    self.macroF1CI95 = macroF1CI95
    self.matthews = matthews
    self.matthewsCI95 = matthewsCI95
  }
}

/// Figures of numbers that a model answered, with 95% intervals over resampled examples.
public struct CorrelationFigures: Hashable, Sendable {
  /// Pearson's r with the right ones.
  public var pearson: Double
  /// The interval of ``pearson``.
  public var pearsonCI95: ClosedRange<Double>?
  /// Spearman's ρ with the right ones.
  public var spearman: Double
  /// The interval of ``spearman``.
  public var spearmanCI95: ClosedRange<Double>?

  /// Creates figures.
  public init(
    pearson: Double, pearsonCI95: ClosedRange<Double>?, spearman: Double,
    spearmanCI95: ClosedRange<Double>?
  ) {
    self.pearson = pearson
    self.pearsonCI95 = pearsonCI95
    self.spearman = spearman
    self.spearmanCI95 = spearmanCI95
  }
}

/// One variant of a model measured on the evaluation examples: the base, the LoRA adapter, a stage of
/// the conversion, or a control.
public struct VariantResult: Hashable, Sendable {
  /// What was measured; the raw value is the `kind` of `formats/evaluation.md` §3.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The base model alone.
    case base
    /// The base with the LoRA adapter as shipped.
    case lora = "adapter"
    /// The conversion before tuning (projected or calibrated).
    case start
    /// After tuning, latents still in Float32.
    case tuned
    /// The artifact as stored and read back.
    case stored = "artifact"
    /// Something else of the same size, to compare with.
    case control
  }

  /// What was measured.
  public var kind: Kind
  /// What a reader calls it, such as `stored int8`.
  public var name: String
  /// The file or folder it came from, where there is one.
  public var source: String?
  /// Number of examples.
  public var n: Int
  /// Share of examples answered right, in [0, 1]; not a number where numbers are answered.
  public var accuracy: Double
  /// 95% interval of `accuracy` (Wilson).
  public var accuracyCI95: ClosedRange<Double>?
  /// For choices: accuracy when likelihoods are divided by their token counts.
  public var accuracyNorm: Double?
  /// For choices that are the same labels everywhere: what a classifier is judged by; nil elsewhere.
  public var labels: LabelFigures?
  /// For numbers that are answered: how they go with the right ones; nil elsewhere.
  public var correlation: CorrelationFigures?
  /// Mean over completion tokens of −ln p over the full vocabulary, over examples of −ln p over all classes; of numbers the mean
  /// squared error.
  public var nll: Double
  /// For choices: mean −ln p of the right choice among the choices.
  public var choiceNLL: Double?
  /// Mean KL(teacher ‖ variant) over completion positions, in nats.
  public var klToTeacher: Double?
  /// Share of completion positions where variant and teacher have the same most likely token.
  public var agreement: Double?
  /// (accuracy − base) ⁄ (LoRA − base).
  public var retainedGain: Double?
  /// Paired-bootstrap 95% interval of `retainedGain`.
  public var retainedGainCI95: ClosedRange<Double>?
  /// Bytes of the file that holds the variant's own weights.
  public var bytes: Int?
  /// Wall time of the measurement.
  public var seconds: Double?

  /// Creates a result; figures that were not measured stay `nil`.
  public init(
    kind: Kind, name: String, source: String? = nil, n: Int, accuracy: Double,
    accuracyCI95: ClosedRange<Double>? = nil, accuracyNorm: Double? = nil,
    labels: LabelFigures? = nil, correlation: CorrelationFigures? = nil, nll: Double,
    choiceNLL: Double? = nil, klToTeacher: Double? = nil, agreement: Double? = nil,
    retainedGain: Double? = nil, retainedGainCI95: ClosedRange<Double>? = nil, bytes: Int? = nil,
    seconds: Double? = nil
  ) {
    self.kind = kind
    self.name = name
    self.source = source
    self.n = n
    self.accuracy = accuracy
    self.accuracyCI95 = accuracyCI95
    self.accuracyNorm = accuracyNorm
    self.labels = labels
    self.correlation = correlation
    self.nll = nll
    self.choiceNLL = choiceNLL
    self.klToTeacher = klToTeacher
    self.agreement = agreement
    self.retainedGain = retainedGain
    self.retainedGainCI95 = retainedGainCI95
    self.bytes = bytes
    self.seconds = seconds
  }
}
