import Faults
import JSON

/// What a worker is told to do, as one line on its standard input.
struct WorkerOrder: Sendable {
  /// Jobs that ended an earlier worker together: one of them did it, and fewer at a time tell which.
  struct Suspects: Sendable {
    var jobs: [String]
    /// The largest group of them.
    var limit: Int
  }

  /// The jobs to do, by name.
  var jobs: [String]
  /// Jobs that ended an earlier worker; they are recorded as failed.
  var crashes: [WorkerCrash] = []
  /// See ``Suspects``.
  var suspects: [Suspects] = []

  var json: JSONValue {
    .object([
      "jobs": .array(jobs.map { .string($0) }),
      "crashes": .array(crashes.map { .string($0.description) }),
      "suspects": .array(
        suspects.map {
          .object([
            "limit": .integer($0.limit), "jobs": .array($0.jobs.map { .string($0) }),
          ])
        }),
    ])
  }

  init(jobs: [String]) {
    self.jobs = jobs
  }

  init(json value: JSONValue) throws(Fault) {
    let fields = JSONField(value, code: "BATCH-WORKER")
    func names(_ field: JSONField) throws(Fault) -> [String] {
      try field.array().map { (item) throws(Fault) in try item.string() }
    }
    jobs = try names(fields["jobs"])
    crashes = try names(fields["crashes"]).compactMap(WorkerCrash.init)
    suspects = try fields["suspects"].array().map { (item) throws(Fault) in
      Suspects(jobs: try names(item["jobs"]), limit: try item["limit"].int(in: 1...1_000_000))
    }
  }
}
