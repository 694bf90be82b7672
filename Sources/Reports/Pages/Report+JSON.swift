public import Faults
public import JSON

extension Report {
  /// The schema word of a report.
  public static let schema = "xspress.report/1"

  /// The document `report.json`: totals, then every record whole.
  public var json: JSONValue {
    var members = head
    members.add("jobs", list: jobs, \.json)
    return members.json
  }

  /// The text of ``json`` up to the first record, which a writer of many puts behind it.
  var jsonHead: String {
    head.json.text(pretty: true).dropLast("\n}\n".count) + ",\n  \"jobs\": ["
  }

  private var head: RecordMembers {
    let totals = ReportTotals(jobs)
    var sums = RecordMembers()
    sums.add("listed", totals.listed)
    sums.add("done", totals.done)
    sums.add("failed", totals.failed)
    sums.add("rejected", totals.rejected)
    sums.add("kept", totals.kept)
    sums.add("skipped", totals.skipped)
    sums.add("as_shipped", totals.asShipped)
    sums.add("f16_equivalent", totals.f16Equivalent)
    sums.add("artifact", totals.artifact)
    sums.add("median_retained_gain", figure: totals.medianRetainedGain)
    sums.add("left_out", totals.leftOut)
    var members = RecordMembers()
    members.add("schema", Report.schema)
    members.add("title", title)
    members.add("totals", sums.json)
    return members
  }

  /// Reads what ``json`` writes; totals are computed again.
  ///
  /// - Throws: 65 `RECORD` naming the field; 69 for another schema.
  public init(json value: JSONValue) throws(Fault) {
    let field = JSONField(record: value)
    guard try field["schema"].string() == Report.schema else {
      throw field["schema"].fault("expected \(Report.schema)", .unsupported)
    }
    self.init(
      title: try field["title"].string(),
      jobs: try field["jobs"].list { f throws(Fault) in try JobRecord(json: f) })
  }
}
