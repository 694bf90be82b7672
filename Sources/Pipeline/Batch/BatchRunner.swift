import Adapters
import Artifacts
public import Faults
import Files
import JSON
public import Progress
public import Recipes
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
    /// Why it failed or was rejected.
    public var fault: Fault?
    /// Its record.
    public var record: JobRecord?
    /// What it would do, where it was only listed.
    package var recipe: Recipe?

    /// What can happen to a job.
    public enum State: String, Sendable {
      /// Converted by this run.
      case done
      /// Failed; the others went on.
      case failed
      /// Its artifact did not retain the gain that was asked for; the others went on.
      case rejected
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
  private let crashes: [BatchSupervisor.Crash]
  private let marker: BatchMarker
  /// Open bases by path and pack.
  private var sessions: [[String]: BaseSession] = [:]
  private var inputDigests: [String: SHA256Digest] = [:]

  /// A batch of `manifest` into `runDirectory`.
  ///
  /// - Parameter crashes: Jobs that ended an earlier worker of this run; they are recorded as failed.
  public init(
    manifest: Manifest, runDirectory: String, cacheDirectory: String?, threads: Int,
    memory: Int? = nil, crashes: [BatchSupervisor.Crash] = [], log: ProgressLog
  ) {
    self.manifest = manifest
    self.runDirectory = runDirectory
    self.cacheDirectory = cacheDirectory
    self.threads = threads
    self.memory = memory
    self.crashes = crashes
    self.log = log
    marker = BatchMarker(runDirectory: runDirectory)
  }

  /// Runs the jobs called `names`, or all, and writes the report.
  ///
  /// - Throws: 73 `RUN-PLAN` where the directory holds jobs of another plan, 75 `LOCK-HELD` where another run
  ///   holds it; single jobs' faults are in the results.
  public func run(only names: [String] = [], dryRun: Bool = false) throws(Fault) -> [JobResult] {
    let chosen = Set(try manifest.jobs(only: names).map(\.name))
    if dryRun {
      return manifest.jobs.map {
        JobResult(
          name: $0.name, state: chosen.contains($0.name) ? .planned : .skipped, recipe: $0.recipe)
      }
    }
    // Before anything is written: a run never lies in what it reads.
    for plan in manifest.jobs {
      try OutputPlace.check(runDirectory, against: plan.inputPaths + [manifest.path])
    }
    try Paths.makeDirectory(runDirectory)
    let lock = try OutputLock(runDirectory)
    defer { withExtendedLifetime(lock) {} }
    _ = try AtomicFile.removeLeftovers(in: runDirectory)
    try writePlan()
    let task = log.task("batch", total: chosen.count, unit: "jobs")
    var results: [JobResult] = []
    for plan in manifest.jobs {
      guard chosen.contains(plan.name), !Interruption.isRequested else {
        results.append(notRun(plan))
        continue
      }
      results.append(run(plan))
      task.advance(detail: plan.name)
    }
    task.finish()
    try report(results)
    return results
  }

  /// A job that was not asked for or not reached, with the record of an earlier run where there is one.
  private func notRun(_ plan: JobPlan) -> JobResult {
    var result = JobResult(name: plan.name, state: .skipped)
    let path = Paths.join(directory(plan), "record.json")
    result.record = Paths.kind(of: path) == .file ? try? BatchRunner.record(path) : nil
    if result.record?.state == .done {
      result.artifactPath = Paths.join(directory(plan), plan.name + ".loraxs")
    }
    result.record =
      result.record
      ?? JobRecord(
        name: plan.name, state: .skipped, threads: threads, machine: MachineLine.current,
        createdBy: Product.createdBy)
    return result
  }

  private func directory(_ plan: JobPlan) -> String {
    Paths.join(Paths.join(runDirectory, "jobs"), plan.name)
  }

  private func run(_ plan: JobPlan) -> JobResult {
    let directory = directory(plan)
    let recordPath = Paths.join(directory, "record.json")
    let artifactPath = Paths.join(directory, plan.name + ".loraxs")
    var runner: JobRunner?
    do throws(Fault) {
      if let crash = crashes.first(where: { $0.job == plan.name }) { throw crash.fault }
      try marker.set(plan.name)
      defer { marker.clear() }
      let adapter = try Adapter.open(
        plan.adapterPath, format: plan.recipe.adapterFormat, threads: threads, memory: memory)
      let digest = try digest(of: plan, adapter: adapter)
      if let record = done(recordPath, artifactPath, digest: digest) {
        log.note("\(plan.name): already done")
        return JobResult(
          name: plan.name, state: .skipped, artifactPath: artifactPath, record: record)
      }
      try Paths.makeDirectory(directory)
      _ = try AtomicFile.removeLeftovers(in: directory)
      log.note("\(plan.name): \(plan.adapterPath)")
      let request = JobRequest(
        plan: plan, outputPath: artifactPath,
        checkpointPath: Paths.join(directory, "tuning.checkpoint"))
      let started = try JobRunner(
        session: try session(plan), request: request, adapter: adapter)
      runner = started
      var record = try started.run()
      record.planDigest = digest
      try AtomicFile.write(recordPath, text: record.json.text(pretty: true))
      return JobResult(
        name: plan.name, state: .done, artifactPath: artifactPath, record: record)
    } catch {
      let isRejected = error.code == JobRunner.rejection
      log.warn([
        Warning(isRejected ? "JOB-REJECTED" : "JOB-FAILED", error.description, subject: plan.name)
      ])
      let record = JobRecord(
        name: plan.name, state: isRejected ? .rejected : .failed, failure: FailureRecord(error),
        gate: isRejected ? runner?.gate : nil, threads: threads, machine: MachineLine.current,
        createdBy: Product.createdBy)
      if error.code != "RUN-STOPPED" { keep(record, at: recordPath) }
      return JobResult(
        name: plan.name, state: isRejected ? .rejected : .failed, fault: error, record: record)
    }
  }

  /// Writes the record of a failure; that this fails too is worth a line, not the batch.
  private func keep(_ record: JobRecord, at path: String) {
    do throws(Fault) {
      try Paths.makeDirectory(Paths.parent(of: path))
      try AtomicFile.write(path, text: record.json.text(pretty: true))
    } catch {
      log.warn([Warning("JOB-RECORD", error.description)])
    }
  }

  /// The record of a finished job with this digest whose artifact opens; nil otherwise.
  private func done(_ recordPath: String, _ artifactPath: String, digest: String) -> JobRecord? {
    guard Paths.kind(of: recordPath) == .file else { return nil }
    do throws(Fault) {
      let record = try BatchRunner.record(recordPath)
      guard record.state == .done, record.planDigest == digest else { return nil }
      try ArtifactBinding.check(artifactPath, against: record, memory: memory)
      _ = try Artifact.read(artifactPath, memory: memory)
      return record
    } catch {
      log.warn([Warning("JOB-AGAIN", "done again: \(error.description)")])
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

  private func session(_ plan: JobPlan) throws(Fault) -> BaseSession {
    let key = [plan.basePath, plan.recipe.basesPath ?? ""]
    if let session = sessions[key] { return session }
    let session = try BaseSession(
      path: plan.basePath, cacheDirectory: cacheDirectory, pack: plan.recipe.basesPath,
      threads: threads, memory: memory, log: log)
    sessions[key] = session
    return session
  }

  /// The digest of a job's inputs and options: what "the same job" means.
  private func digest(of plan: JobPlan, adapter: Adapter) throws(Fault) -> String {
    var inputs: [(role: String, digest: SHA256Digest)] = [
      ("adapter", adapter.identity),
      ("base", try fileDigest(plan.basePath)),
    ]
    for (role, path) in plan.recipe.inputs { inputs.append((role, try fileDigest(path))) }
    return plan.digest(inputs: inputs)
  }

  /// SHA-256 of a file and those that belong to it: `config.json` beside a safetensors file, the other parts of
  /// a split; of a directory, of every file in it.
  private func fileDigest(_ path: String) throws(Fault) -> SHA256Digest {
    if let known = inputDigests[path] { return known }
    var hasher = SHA256Hasher()
    for file in try BatchRunner.filesOf(path) {
      hasher.update(try SHA256Digest.of(try InputFile(file)).bytes)
    }
    let digest = hasher.finalize()
    inputDigests[path] = digest
    return digest
  }

  private static func filesOf(_ path: String) throws(Fault) -> [String] {
    if Paths.kind(of: path) == .directory {
      return try Paths.entries(of: path).sorted().map { Paths.join(path, $0) }
        .filter { Paths.kind(of: $0) == .file }
    }
    let (folder, name) = (Paths.parent(of: path), Paths.name(of: path))
    if name.hasSuffix(".safetensors") {
      let configuration = Paths.join(folder, "config.json")
      return [path] + (Paths.kind(of: configuration) == .file ? [configuration] : [])
    }
    // NAME-00001-of-00003.gguf
    if let part = name.firstRange(of: "-of-"), name.hasSuffix(".gguf") {
      let stem = name[..<part.lowerBound].dropLast(5)
      return try Paths.entries(of: folder).sorted()
        .filter { $0.hasPrefix(stem) && $0.hasSuffix(String(name[part.lowerBound...])) }
        .map { Paths.join(folder, $0) }
    }
    return [path]
  }

  /// Writes `plan.json`, or checks that the one there lists the same jobs with the same options.
  private func writePlan() throws(Fault) {
    let path = Paths.join(runDirectory, "plan.json")
    let jobs = manifest.jobs.map { plan in
      (name: plan.name, digest: plan.digest(inputs: []))
    }
    if Paths.kind(of: path) == .file {
      let bytes = try InputFile(path).readAll(limit: 16 << 20)
      let fields: JSONField
      do throws(Fault) {
        fields = JSONField(try JSONValue.parse(bytes), code: "RUN-PLAN")
      } catch {
        throw error.at(path: path)
      }
      guard try fields["schema"].string() == JobPlan.schema else {
        throw Fault(
          .cannotCreate, "RUN-PLAN",
          "made by another version of this program; use another run directory", path: path)
      }
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
      "schema": .string(JobPlan.schema), "manifest": .string(manifest.path),
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
