public import Faults
public import JSON

extension JobRecord {
  /// The schema word of a record.
  public static let schema = "xspress.record/1"

  /// The document `jobs/NAME/record.json`.
  public var json: JSONValue {
    var members = RecordMembers()
    members.add("schema", JobRecord.schema)
    members.add("name", name)
    members.add("state", state.rawValue)
    members.add("failure", failure?.json ?? .null)
    members.add("created_by", createdBy)
    members.add("plan_digest", planDigest)
    members.add("adapter", adapter?.json ?? .null)
    members.add("base", base?.json ?? .null)
    members.add("artifact", artifactPath)
    members.add("artifact_sha256", artifactSHA256)
    members.add("settings", settings: settings)
    members.add("recipe", settings: recipe)
    members.add("sizes", sizes?.json ?? .null)
    members.add("evaluation", evaluation?.json ?? .null)
    members.add("tuning", tuning?.json ?? .null)
    members.add("race", race?.json ?? .null)
    members.add("gate", gate?.json ?? .null)
    members.add("seeds", settings: seeds)
    members.add("stages", settings: stages)
    members.add("threads", threads)
    members.add("peak_bytes", peakBytes.map { .integer($0) } ?? .null)
    members.add("machine", machine)
    members.add("warnings", list: warnings) { .string($0) }
    members.add("modules", list: modules, \.json)
    return members.json
  }

  /// Reads what ``json`` writes.
  ///
  /// - Throws: 65 `RECORD` naming the field; 69 for a record of another schema.
  public init(json value: JSONValue) throws(Fault) {
    try self.init(json: JSONField(record: value))
  }

  init(json field: JSONField) throws(Fault) {
    guard try field["schema"].string() == JobRecord.schema else {
      throw field["schema"].fault("expected \(JobRecord.schema)", .unsupported)
    }
    guard let state = State(rawValue: try field["state"].string()) else {
      throw field["state"].fault("expected done, failed, rejected, kept or skipped")
    }
    func text(_ field: JSONField) throws(Fault) -> String { try field.string() }
    self.init(
      name: try field["name"].string(), state: state,
      failure: try field["failure"].optional(FailureRecord.init(json:)),
      adapter: try field["adapter"].optional(SourceRecord.init(json:)),
      base: try field["base"].optional(SourceRecord.init(json:)),
      artifactPath: try field["artifact"].optional(text),
      artifactSHA256: try field["artifact_sha256"].optional(text),
      settings: try field["settings"].settings(),
      recipe: try field["recipe"].optional { (recipe) throws(Fault) in try recipe.settings() }
        ?? [],
      sizes: try field["sizes"].optional(SizeRecord.init(json:)),
      evaluation: try field["evaluation"].optional(EvaluationRecord.init(json:)),
      modules: try field["modules"].list(ModuleRecord.init(json:)),
      tuning: try field["tuning"].optional(TuningRecord.init(json:)),
      race: try field["race"].optional(RaceRecord.init(json:)),
      gate: try field["gate"].optional(GateRecord.init(json:)),
      seeds: try field["seeds"].settings(), stages: try field["stages"].settings(),
      threads: try field["threads"].count(),
      peakBytes: try field["peak_bytes"].optional { (peak) throws(Fault) in try peak.count() },
      machine: try field["machine"].string(),
      createdBy: try field["created_by"].string(),
      planDigest: try field["plan_digest"].optional(text),
      warnings: try field["warnings"].list(text))
  }
}
