import Adapters
import Artifacts
public import Faults
import Files
import JSON
public import Progress
public import Reports

/// Runs a manifest's jobs into a run directory: `plan.json`, `jobs/<name>/{record.json,<name>.loraxs}`,
/// `report/`.
///
/// A job is done when its record says so for the same inputs and options and its artifact opens; such jobs are
/// skipped, so that running a batch again resumes it. One bad adapter never stops the others.
public final class BatchRunner {
  /// What happened to one job of this run.
  public struct JobResult: Sendable {
    /// Its name.
    public var name: String
    /// What happened.
    public var state: State
    /// The artifact, where there is one.
    public var artifactPath: String?
    /// Why it failed.
    public var fault: Fault?
    /// Its record.
    public var record: JobRecord?

    /// What can happen to a job.
    public enum State: String, Sendable {
      /// Converted by this run.
      case done
      /// Failed; the others went on.
      case failed
      /// Found done, with the same inputs and options.
      case skipped
      /// Listed only (`--dry-run`).
      case planned
    }
  }

  private let manifest: Manifest
  private let runDirectory: String
  private let cacheDirectory: String?
  private let threads: Int
  private let memory: Int?
  private let log: ProgressLog
  private var sessions: [String: BaseSession] = [:]
  private var inputDigests: [String: SHA256Digest] = [:]

  /// A batch of `manifest` into `runDirectory`.
  public init(
    manifest: Manifest, runDirectory: String, cacheDirectory: String?, threads: Int,
    memory: Int? = nil, log: ProgressLog
  ) {
    self.manifest = manifest
    self.runDirectory = runDirectory
    self.cacheDirectory = cacheDirectory
    self.threads = threads
    self.memory = memory
    self.log = log
  }

  /// Runs the jobs called `names`, or all, and writes the report.
  ///
  /// - Throws: 73 `RUN-PLAN` where the directory holds jobs of another plan, 75 `LOCK-HELD` where another run
  ///   holds it; single jobs' faults are in the results.
  public func run(only names: [String] = [], dryRun: Bool = false) throws(Fault) -> [JobResult] {
    let plans = try manifest.jobs(only: names)
    if dryRun {
      return plans.map { JobResult(name: $0.name, state: .planned) }
    }
    try Paths.makeDirectory(runDirectory)
    let lock = try DirectoryLock(runDirectory)
    defer { withExtendedLifetime(lock) {} }
    _ = try AtomicFile.removeLeftovers(in: runDirectory)
    try writePlan()
    let task = log.task("batch", total: plans.count, unit: "jobs")
    var results: [JobResult] = []
    for plan in plans {
      results.append(run(plan))
      task.advance(detail: plan.name)
      if Interruption.isRequested { break }
    }
    task.finish()
    try report(results)
    try Interruption.check()
    return results
  }

  private func directory(_ plan: JobPlan) -> String {
    Paths.join(Paths.join(runDirectory, "jobs"), plan.name)
  }

  private func run(_ plan: JobPlan) -> JobResult {
    let directory = directory(plan)
    let recordPath = Paths.join(directory, "record.json")
    let artifactPath = Paths.join(directory, plan.name + ".loraxs")
    do throws(Fault) {
      let digest = try digest(of: plan)
      if let record = done(recordPath, artifactPath, digest: digest) {
        log.note("\(plan.name): already done")
        return JobResult(
          name: plan.name, state: .skipped, artifactPath: artifactPath, record: record)
      }
      try Paths.makeDirectory(directory)
      _ = try AtomicFile.removeLeftovers(in: directory)
      log.note("\(plan.name): \(plan.adapterPath)")
      let request = try JobRequest(
        plan: plan, outputPath: artifactPath,
        checkpointPath: Paths.join(directory, "tuning.checkpoint"))
      var record = try JobRunner(session: try session(plan.basePath), request: request).run()
      record.planDigest = digest
      try AtomicFile.write(recordPath, text: record.json.text(pretty: true))
      return JobResult(
        name: plan.name, state: .done, artifactPath: artifactPath, record: record)
    } catch {
      log.warn("\(plan.name): \(error.description)")
      let record = JobRecord(
        name: plan.name, state: .failed, failure: FailureRecord(error), threads: threads,
        machine: MachineLine.current, createdBy: Product.createdBy)
      return JobResult(name: plan.name, state: .failed, fault: error, record: record)
    }
  }

  /// The record of a finished job with this digest whose artifact opens; nil otherwise.
  private func done(_ recordPath: String, _ artifactPath: String, digest: String) -> JobRecord? {
    guard Paths.kind(of: recordPath) == .file else { return nil }
    do throws(Fault) {
      let record = try BatchRunner.record(recordPath)
      guard record.state == .done, record.planDigest == digest else { return nil }
      _ = try Artifact.read(artifactPath)
      return record
    } catch {
      log.warn("done again: \(error.description)")
      return nil
    }
  }

  /// Reads one record.
  static func record(_ path: String) throws(Fault) -> JobRecord {
    let bytes = try InputFile(path).readAll(limit: 64 << 20)
    do throws(Fault) {
      return try JobRecord(json: try JSONValue.parse(bytes))
    } catch {
      throw error.at(path: path)
    }
  }

  private func session(_ basePath: String) throws(Fault) -> BaseSession {
    if let session = sessions[basePath] { return session }
    let session = try BaseSession(
      path: basePath, cacheDirectory: cacheDirectory, threads: threads, memory: memory,
      log: log)
    sessions[basePath] = session
    return session
  }

  /// The digest of a job's inputs and options: what "the same job" means.
  private func digest(of plan: JobPlan) throws(Fault) -> String {
    var inputs: [(role: String, digest: SHA256Digest)] = [
      ("adapter", try Adapter.open(plan.adapterPath).digest),
      ("base", try fileDigest(plan.basePath)),
    ]
    let options = plan.options
    let data: [(String, String?)] = [
      ("calibration", options.calibration?.path), ("tuning", options.tuning?.data.path),
      ("validation", options.tuning?.validationPath), ("evaluation", options.evaluation?.path),
    ]
    for (role, path) in data {
      if let path { inputs.append((role, try fileDigest(path))) }
    }
    return plan.digest(inputs: inputs)
  }

  /// SHA-256 of a file, or of the names and sizes in a directory (its weights are checked by module digests).
  private func fileDigest(_ path: String) throws(Fault) -> SHA256Digest {
    if let known = inputDigests[path] { return known }
    let digest: SHA256Digest
    if Paths.kind(of: path) == .directory {
      var hasher = SHA256Hasher()
      for name in try Paths.entries(of: path).sorted() {
        let file = Paths.join(path, name)
        guard Paths.kind(of: file) == .file else { continue }
        hasher.update(Array("\(name) \(try InputFile(file).byteCount)\n".utf8))
      }
      digest = hasher.finalize()
    } else {
      digest = try SHA256Digest.of(try InputFile(path))
    }
    inputDigests[path] = digest
    return digest
  }

  /// Writes `plan.json`, or checks that the one there lists the same jobs with the same options.
  private func writePlan() throws(Fault) {
    let path = Paths.join(runDirectory, "plan.json")
    let jobs = manifest.jobs.map { plan in
      (name: plan.name, digest: plan.digest(inputs: []))
    }
    if Paths.kind(of: path) == .file {
      let bytes = try InputFile(path).readAll(limit: 16 << 20)
      let fields = JSONField(try JSONValue.parse(bytes), code: "RUN-PLAN")
      for field in try fields["jobs"].array() {
        let name = try field["name"].string()
        guard let job = jobs.first(where: { $0.name == name }) else { continue }
        guard try field["options"].string() == job.digest else {
          throw Fault(
            .cannotCreate, "RUN-PLAN",
            "job \"\(name)\" ran here with other options; use another run directory", path: path)
        }
      }
    }
    let value: JSONValue = .object([
      "schema": "xspress.plan/1", "manifest": .string(manifest.path),
      "jobs": .array(
        jobs.map { .object(["name": .string($0.name), "options": .string($0.digest)]) }),
    ])
    try AtomicFile.write(path, text: value.text(pretty: true) + "\n")
  }

  private func report(_ results: [JobResult]) throws(Fault) {
    try Report(jobs: results.compactMap(\.record)).write(
      to: Paths.join(runDirectory, "report"))
  }
}
