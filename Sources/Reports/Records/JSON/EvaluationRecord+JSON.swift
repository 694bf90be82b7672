public import Faults
public import JSON

extension EvaluationRecord {
  /// The schema word of an evaluation.
  public static let schema = "xspress.evaluation/1"

  private static let rounded = "bfloat16"

  /// The document `xspress evaluate --json` prints; also the artifact's accuracy block.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("schema", EvaluationRecord.schema)
    var source = RecordMembers()
    source.add("path", data.path)
    source.add("sha256", data.sha256)
    source.add("n", data.n)
    // Records from before it have none, and most need none.
    if data.skipped > 0 { source.add("skipped", data.skipped) }
    members.add("data", source.json)
    if isRounded { members.add("precision", EvaluationRecord.rounded) }
    members.add("variants", list: variants, \.json)
    members.add("pairs", list: pairs, \.json)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field.
  public init(json value: JSONValue) throws(Fault) {
    try self.init(json: JSONField(record: value))
  }

  init(json field: JSONField) throws(Fault) {
    guard try field["schema"].string() == EvaluationRecord.schema else {
      throw field["schema"].fault("expected \(EvaluationRecord.schema)", .unsupported)
    }
    let (data, precision) = (field["data"], field["precision"])
    if precision.isPresent, try precision.string() != EvaluationRecord.rounded {
      throw precision.fault("expected \(EvaluationRecord.rounded) or nothing", .unsupported)
    }
    let variants = try field["variants"].list { f throws(Fault) in try VariantResult(json: f) }
    self.init(
      data: DataSource(
        path: try data["path"].string(), sha256: try data["sha256"].string(),
        n: try data["n"].count(),
        skipped: data["skipped"].isPresent ? try data["skipped"].count() : 0),
      variants: variants,
      pairs: try field["pairs"].list { f throws(Fault) in
        try PairResult(json: f, variantCount: variants.count)
      }, isRounded: precision.isPresent)
  }
}
