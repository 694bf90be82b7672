public import Faults
import JSON
public import Recipes
public import Reports

/// What happened to one job of a run.
public struct JobResult: Sendable {
  /// Its name.
  public var name: String
  /// What happened.
  public var state: State
  /// The artifact, where there is one.
  public var artifactPath: String?
  /// Why it failed or was rejected.
  public var fault: Fault?
  /// Its record, without what only its own page shows.
  public var record: JobRecord?
  /// What it would do, where it was only listed.
  public var recipe: Recipe?
  /// The most memory that its worker held meanwhile.
  var peak: Int?
  /// Whether the run holds that record.
  var hasRecord = false

  /// What can happen to a job.
  public enum State: String, Sendable, CaseIterable {
    /// Converted by this run.
    case done
    /// Failed; the others went on.
    case failed
    /// Its artifact did not retain the gain that was asked for; the others went on.
    case rejected
    /// No artifact retained the gain that was asked for, and its LoRA stays as it is, as asked for then.
    case kept
    /// Found done, with the same inputs and options, or not asked for.
    case skipped
    /// Listed only (`--dry-run`).
    case planned
  }

  /// A result.
  public init(
    name: String, state: State, artifactPath: String? = nil, fault: Fault? = nil,
    record: JobRecord? = nil, recipe: Recipe? = nil
  ) {
    self.name = name
    self.state = state
    self.artifactPath = artifactPath
    self.fault = fault
    self.record = record
    self.recipe = recipe
  }
}

/// One line of a worker's output: a job and what became of it. The record lies in the run.
extension JobResult {
  var line: JSONValue {
    .object([
      "name": .string(name), "state": .string(state.rawValue),
      "artifact": artifactPath.map { .string($0) } ?? .null, "fault": fault?.json ?? .null,
      "peak": peak.map { .integer($0) } ?? .null,
    ])
  }

  init(line value: JSONValue) throws(Fault) {
    let fields = JSONField(value, code: "BATCH-WORKER")
    guard let state = State(rawValue: try fields["state"].string()) else {
      throw fields["state"].fault("not a state", .internalError)
    }
    self.init(
      name: try fields["name"].string(), state: state,
      artifactPath: fields["artifact"].isPresent ? try fields["artifact"].string() : nil,
      fault: fields["fault"].isPresent ? try Fault(json: fields["fault"]) : nil)
    peak = fields["peak"].isPresent ? try fields["peak"].int(in: 0...Int.max) : nil
  }
}

extension Fault {
  var json: JSONValue {
    .object([
      "kind": .integer(Int(kind.rawValue)), "code": .string(code), "reason": .string(reason),
      "path": path.map { .string($0) } ?? .null, "tensor": tensor.map { .string($0) } ?? .null,
    ])
  }

  init(json fields: JSONField) throws(Fault) {
    let number = try fields["kind"].int(in: 0...255)
    self.init(
      Kind(rawValue: Int32(number)) ?? .internalError, try fields["code"].string(),
      try fields["reason"].string(),
      path: fields["path"].isPresent ? try fields["path"].string() : nil,
      tensor: fields["tensor"].isPresent ? try fields["tensor"].string() : nil)
  }
}
