public import Faults
public import JSON

extension VariantResult {
  /// The variant as in `formats/evaluation.md` §3.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("kind", kind.rawValue)
    members.add("name", name)
    members.add("source", source)
    members.add("n", n)
    members.add("accuracy", figure: accuracy)
    members.add("accuracy_ci95", interval: accuracyCI95)
    members.add("accuracy_norm", figure: accuracyNorm)
    if let labels {
      members.add("macro_f1", figure: labels.macroF1)
      members.add("macro_f1_ci95", interval: labels.macroF1CI95)
      members.add("matthews", figure: labels.matthews)
      members.add("matthews_ci95", interval: labels.matthewsCI95)
    }
    if let correlation {
      members.add("pearson", figure: correlation.pearson)
      members.add("pearson_ci95", interval: correlation.pearsonCI95)
      members.add("spearman", figure: correlation.spearman)
      members.add("spearman_ci95", interval: correlation.spearmanCI95)
    }
    members.add("nll", figure: nll)
    members.add("choice_nll", figure: choiceNLL)
    members.add("kl_to_teacher", figure: klToTeacher)
    members.add("agreement", figure: agreement)
    members.add("retained_gain", figure: retainedGain)
    members.add("retained_gain_ci95", interval: retainedGainCI95)
    members.add("bytes", bytes)
    members.add("seconds", figure: seconds)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json field: JSONField) throws(Fault) {
    func figure(_ key: String) throws(Fault) -> Double? {
      try field[key].optionalFigure(in: field, key)
    }
    guard let kind = Kind(rawValue: try field["kind"].string()) else {
      throw field["kind"].fault("unknown kind of variant")
    }
    self.init(
      kind: kind, name: try field["name"].string(),
      source: try field["source"].optional { f throws(Fault) in try f.string() },
      n: try field["n"].count(), accuracy: try field["accuracy"].figure(in: field, "accuracy"),
      accuracyCI95: try field["accuracy_ci95"].optional { f throws(Fault) in try f.interval() },
      accuracyNorm: try figure("accuracy_norm"), labels: try LabelFigures(json: field),
      correlation: try CorrelationFigures(json: field),
      nll: try field["nll"].figure(in: field, "nll"),
      choiceNLL: try figure("choice_nll"), klToTeacher: try figure("kl_to_teacher"),
      agreement: try figure("agreement"), retainedGain: try figure("retained_gain"),
      retainedGainCI95: try field["retained_gain_ci95"].optional { f throws(Fault) in
        try f.interval()
      },
      bytes: try field["bytes"].optional { f throws(Fault) in try f.count() },
      seconds: try figure("seconds"))
  }
}

extension LabelFigures {
  /// The figures of a variant; nil where it has none.
  fileprivate init?(json field: JSONField) throws(Fault) {
    guard field["macro_f1"].isPresent else { return nil }
    func interval(_ key: String) throws(Fault) -> ClosedRange<Double>? {
      try field[key].optional { f throws(Fault) in try f.interval() }
    }
    self.init(
      macroF1: try field["macro_f1"].figure(in: field, "macro_f1"),
      macroF1CI95: try interval("macro_f1_ci95"),
      matthews: try field["matthews"].figure(in: field, "matthews"),
      matthewsCI95: try interval("matthews_ci95"))
  }
}

extension CorrelationFigures {
  /// The figures of a variant; nil where it has none.
  fileprivate init?(json field: JSONField) throws(Fault) {
    guard field["pearson"].isPresent else { return nil }
    func interval(_ key: String) throws(Fault) -> ClosedRange<Double>? {
      try field[key].optional { f throws(Fault) in try f.interval() }
    }
    self.init(
      pearson: try field["pearson"].figure(in: field, "pearson"),
      pearsonCI95: try interval("pearson_ci95"),
      spearman: try field["spearman"].figure(in: field, "spearman"),
      spearmanCI95: try interval("spearman_ci95"))
  }
}
