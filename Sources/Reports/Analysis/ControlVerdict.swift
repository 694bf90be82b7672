/// How the result compares with one control; NLL decides, because it resolves what accuracy cannot.
///
/// A side wins only where the 95% interval of the difference excludes 0 and its p stays below 0.05 after Holm's
/// correction for all controls of the job.
struct ControlVerdict {
  enum Outcome {
    /// The control has the lower NLL.
    case controlWins
    /// The result has the lower NLL.
    case resultWins
    /// The difference is within chance, or its interval is not known.
    case undecided
  }

  let outcome: Outcome
  let control: VariantResult
  let result: VariantResult
  let pair: PairResult?
  /// Controls compared with the result, this one included.
  let comparisons: Int

  /// One verdict for each control of `evaluation`; none without a result to compare.
  static func all(in evaluation: EvaluationRecord) -> [ControlVerdict] {
    guard let resultIndex = evaluation.resultIndex else { return [] }
    let controls = evaluation.variants.indices.filter { evaluation.variants[$0].kind == .control }
    // A record of a version that knew no p decides nothing: its interval was of another quantity.
    let corrected = HolmCorrection.adjusted(
      controls.map { evaluation.pair($0, resultIndex)?.nllP ?? 1 })
    return zip(controls, corrected).map { control, p in
      ControlVerdict(
        evaluation, control: control, result: resultIndex, p: p, comparisons: controls.count)
    }
  }

  private init(
    _ evaluation: EvaluationRecord, control: Int, result: Int, p: Double, comparisons: Int
  ) {
    self.control = evaluation.variants[control]
    self.result = evaluation.variants[result]
    self.comparisons = comparisons
    pair = evaluation.pair(control, result)
    let interval = pair?.nllDeltaCI95
    if p < 0.05, let interval, interval.lowerBound > 0 {
      outcome = .controlWins
    } else if p < 0.05, let interval, interval.upperBound < 0 {
      outcome = .resultWins
    } else {
      outcome = .undecided
    }
  }

  /// The verdict in one sentence; `escape` makes names safe for where it is shown.
  func sentence(_ escape: (String) -> String) -> String {
    let other = escape(control.name)
    let own = escape(result.name)
    let figures =
      "NLL \(Numerals.fixed(control.nll, 4)) against \(Numerals.fixed(result.nll, 4)), accuracy "
      + "\(control.rightText) against \(result.rightText)"
    let p = pair.map { ", McNemar p = \(Numerals.pValue($0.mcnemarP))" } ?? ""
    let opening =
      switch outcome {
      case .controlWins: "The control wins: \(other) is better than \(own)\(atBytes)"
      case .resultWins: "\(own) is better than \(other)\(atBytes)"
      case .undecided: "No difference shown between \(other) and \(own)\(atBytes)"
      }
    let range =
      pair?.nllDeltaCI95.map {
        ", difference in NLL \(Numerals.signed($0.lowerBound, 4)) to \(Numerals.signed($0.upperBound, 4))"
      } ?? ", the difference in NLL has no interval"
    let others = comparisons > 1 ? ", one of \(comparisons) comparisons (Holm)" : ""
    return "\(opening): \(figures)\(range)\(p)\(others)."
  }

  /// Where the control's bytes differ from the result's by more than a hundredth.
  private var atBytes: String {
    guard let other = control.bytes, let own = result.bytes, own > 0 else { return "" }
    let ratio = Double(other) / Double(own)
    guard ratio < 0.99 || ratio > 1.01 else { return "" }
    return ", the control at \(Numerals.fixed(ratio, 2))× the bytes"
  }
}

extension EvaluationRecord {
  /// What the work came to: the artifact as stored, or the furthest stage that was measured.
  var resultIndex: Int? {
    for kind in [VariantResult.Kind.stored, .tuned, .start] {
      if let index = variants.firstIndex(where: { $0.kind == kind }) { return index }
    }
    return nil
  }

  /// The comparison of `first` with `second`, turned round where it was stored the other way.
  func pair(_ first: Int, _ second: Int) -> PairResult? {
    if let pair = pairs.first(where: { $0.a == first && $0.b == second }) { return pair }
    guard let pair = pairs.first(where: { $0.a == second && $0.b == first }) else { return nil }
    func turned(_ range: ClosedRange<Double>) -> ClosedRange<Double> {
      -range.upperBound ... -range.lowerBound
    }
    return PairResult(
      a: first, b: second, delta: -pair.delta, deltaCI95: pair.deltaCI95.map(turned),
      mcnemarP: pair.mcnemarP, nllDelta: pair.nllDelta.map { -$0 },
      nllDeltaCI95: pair.nllDeltaCI95.map(turned), nllP: pair.nllP,
      others: pair.others.map {
        PairResult.MetricDifference(
          $0.metric, delta: -$0.delta, deltaCI95: $0.deltaCI95.map(turned))
      })
  }
}
