public import Faults
public import JSON

extension PairResult {
  /// The comparison as in `formats/evaluation.md` §4.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("a", a)
    members.add("b", b)
    members.add("delta", figure: delta)
    members.add("delta_ci95", interval: deltaCI95)
    members.add("mcnemar_p", figure: mcnemarP)
    members.add("nll_delta", figure: nllDelta)
    members.add("nll_delta_ci95", interval: nllDeltaCI95)
    members.add("nll_p", figure: nllP)
    for other in others {
      members.add("\(other.metric.rawValue)_delta", figure: other.delta)
      members.add("\(other.metric.rawValue)_delta_ci95", interval: other.deltaCI95)
    }
    return members.json
  }

  /// Reads what ``json`` writes; `variantCount` bounds the indices.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField, variantCount: Int) throws(Fault) {
    let last = max(variantCount - 1, 0)
    var others: [MetricDifference] = []
    for metric in MetricDifference.Metric.allCases {
      let key = "\(metric.rawValue)_delta"
      guard let delta = try field[key].optionalFigure(in: field, key) else { continue }
      others.append(
        MetricDifference(
          metric, delta: delta,
          deltaCI95: try field[key + "_ci95"].optional { f throws(Fault) in try f.interval() }))
    }
    self.init(
      a: try field["a"].int(in: 0...last), b: try field["b"].int(in: 0...last),
      delta: try field["delta"].figure(in: field, "delta"),
      deltaCI95: try field["delta_ci95"].optional { f throws(Fault) in try f.interval() },
      mcnemarP: try field["mcnemar_p"].figure(in: field, "mcnemar_p"),
      nllDelta: try field["nll_delta"].optionalFigure(in: field, "nll_delta"),
      nllDeltaCI95: try field["nll_delta_ci95"].optional { f throws(Fault) in try f.interval() },
      nllP: try field["nll_p"].optionalFigure(in: field, "nll_p"), others: others)
  }
}
