import Faults
import JSON

/// What a worker is told to do, as one line on its standard input; it says when it is done and waits for the next.
struct WorkerOrder: Sendable {
  /// The jobs to do, by name.
  var jobs: [String]
  /// Whether they go through the stacked conversion.
  var isStacked = false
  /// Whether more such jobs on this base are waiting, for which directions are worth keeping.
  var hasMore = false
  /// The job ended an earlier worker: it is recorded as failed.
  var crash: WorkerCrash?
  /// Threads.
  var threads = 1
  /// Memory in bytes; nil for no limit.
  var memory: Int?

  var json: JSONValue {
    .object([
      "jobs": .array(jobs.map { .string($0) }), "stacked": .bool(isStacked),
      "more": .bool(hasMore), "crash": crash.map { .string($0.description) } ?? .null,
      "threads": .integer(threads), "memory": memory.map { .integer($0) } ?? .null,
    ])
  }

  init(jobs: [String]) {
    self.jobs = jobs
  }

  init(json value: JSONValue) throws(Fault) {
    let fields = JSONField(value, code: "BATCH-WORKER")
    jobs = try fields["jobs"].array().map { (item) throws(Fault) in try item.string() }
    isStacked = fields["stacked"].value?.boolValue ?? false
    hasMore = fields["more"].value?.boolValue ?? false
    crash = fields["crash"].isPresent ? WorkerCrash(try fields["crash"].string()) : nil
    threads = try fields["threads"].int(in: 1...1_000_000)
    memory = fields["memory"].isPresent ? try fields["memory"].int(in: 0...Int.max) : nil
  }
}
