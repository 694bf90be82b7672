/// How the result compares with one control; NLL decides, because it resolves what accuracy cannot.
struct ControlVerdict {
  enum Outcome {
    /// The control has the lower NLL.
    case controlWins
    /// The result has the lower NLL.
    case resultWins
    /// The 95% interval of the difference contains 0, or a figure is missing.
    case undecided
  }

  let outcome: Outcome
  let control: VariantResult
  let result: VariantResult
  let pair: PairResult?

  /// One verdict for each control of `evaluation`; none without a result to compare.
  static func all(in evaluation: EvaluationRecord) -> [ControlVerdict] {
    guard let resultIndex = evaluation.resultIndex else { return [] }
    return evaluation.variants.indices.filter { evaluation.variants[$0].kind == .control }.map {
      ControlVerdict(evaluation, control: $0, result: resultIndex)
    }
  }

  private init(_ evaluation: EvaluationRecord, control: Int, result: Int) {
    self.control = evaluation.variants[control]
    self.result = evaluation.variants[result]
    pair = evaluation.pair(control, result)
    let difference = self.result.nll - self.control.nll
    if !difference.isFinite || difference == 0
      || (pair?.nllDeltaCI95.map { $0.contains(0) } ?? false)
    {
      outcome = .undecided
    } else {
      outcome = difference > 0 ? .controlWins : .resultWins
    }
  }

  /// The verdict in one sentence; `escape` makes names safe for where it is shown.
  func sentence(_ escape: (String) -> String) -> String {
    let other = escape(control.name)
    let own = escape(result.name)
    let figures =
      "NLL \(Numerals.fixed(control.nll, 4)) against \(Numerals.fixed(result.nll, 4)), accuracy "
      + "\(Numerals.percent(control.accuracy)) against \(Numerals.percent(result.accuracy))"
    let p = pair.map { ", McNemar p = \(Numerals.pValue($0.mcnemarP))" } ?? ""
    let opening =
      switch outcome {
      case .controlWins: "The control wins: \(other) is better than \(own)\(atBytes)"
      case .resultWins: "\(own) is better than \(other)\(atBytes)"
      case .undecided: "No difference shown between \(other) and \(own)\(atBytes)"
      }
    return "\(opening): \(figures)\(p)."
  }

  /// Where the control's bytes differ from the result's by more than a twentieth.
  private var atBytes: String {
    guard let other = control.bytes, let own = result.bytes, own > 0 else { return "" }
    let ratio = Double(other) / Double(own)
    guard ratio < 0.95 || ratio > 1.05 else { return "" }
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
      nllDeltaCI95: pair.nllDeltaCI95.map(turned))
  }
}
