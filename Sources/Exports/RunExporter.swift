import Adapters
import Checkpoints
public import Faults
import Files
public import JSON
import Pipeline
public import Progress
import Reports
public import Sessions

/// Exports every artifact of a run directory, `jobs/<name>/<name>.loraxs`, each into a folder of its name.
///
/// One that fails never stops the others. A job that keeps its LoRA is listed with it.
public final class RunExporter {
  /// What happened to one artifact.
  public struct Result: Sendable {
    /// The job's name.
    public var name: String
    /// The artifact.
    public var artifactPath: String
    /// The folder of its export.
    public var directory: String
    /// The files written.
    public var files: [String] = []
    /// The adapter, where the job keeps its LoRA: there is nothing to export.
    public var keptAdapter: String?
    /// Why it failed.
    public var fault: Fault?

    /// `done`, `kept` or `failed`.
    public var state: String {
      fault != nil ? "failed" : keptAdapter == nil ? "done" : "kept"
    }
  }

  /// Opens the base at a path.
  public typealias OpenBase = (_ path: String) throws(Fault) -> BaseSession

  private let options: ExportOptions
  private let basePath: String?
  private let log: ProgressLog
  private let openBase: OpenBase
  /// The bases that are open: jobs come by their names, and those of one base may lie apart.
  private var sessions: [String: BaseSession] = [:]

  /// An exporter of runs; without `basePath` each artifact's base is the one that its record names.
  public init(
    options: ExportOptions, basePath: String?, log: ProgressLog, openBase: @escaping OpenBase
  ) {
    self.options = options
    self.basePath = basePath
    self.log = log
    self.openBase = openBase
  }

  /// Whether `path` is a run directory and not an artifact.
  public static func isRun(_ path: String) -> Bool { Paths.kind(of: path) == .directory }

  /// Exports the artifacts of `run` into folders of `directory`.
  ///
  /// - Throws: 66 `RUN-EMPTY` where there is no artifact, 64 `OUT-IN`, 73 `OUT-EXISTS`; single artifacts'
  ///   faults are in the results.
  public func export(
    run: String, to directory: String, force: Bool
  ) throws(Fault) -> [Result] {
    let jobs = try artifacts(of: run)
    try OutputPlace.checkFolder(directory, against: [run] + (basePath.map { [$0] } ?? []))
    try OutputPlace.checkDirectory(directory, force: force)
    let task = log.task("export", total: jobs.count, unit: "artifacts")
    var results: [Result] = []
    for (name, path) in jobs where !Interruption.isRequested {
      var result = Result(
        name: name, artifactPath: path, directory: Paths.join(directory, name))
      do throws(Fault) {
        let record = try record(of: path)
        if record?.state == .kept {
          result.keptAdapter = record?.adapter?.path ?? ""
          results.append(result)
          task.advance(detail: name)
          continue
        }
        if let record {
          guard record.state == .done else {
            throw ArtifactBinding.leftover(path, of: record.state)
          }
          try ArtifactBinding.check(path, against: record, memory: nil)
        }
        let session = try session(for: path, record)
        let place = ExportPlace(
          output: result.directory, target: options.target, artifact: path)
        // The base of a record was not known when the output was checked.
        try place.check(against: [session.base.path, path], force: force)
        result.files = try Exporter(session: session, options: options).export(path, to: place)
      } catch {
        result.fault = error.at(path: path)
        log.warn([Warning("JOB-FAILED", error.description, subject: name)])
      }
      results.append(result)
      task.advance(detail: name)
    }
    task.finish()
    return results
  }

  private func artifacts(of run: String) throws(Fault) -> [(name: String, path: String)] {
    let folder = Paths.join(run, "jobs")
    guard Paths.kind(of: folder) == .directory else {
      throw Fault(
        .missingInput, "RUN-EMPTY", "is not an artifact and has no folder jobs, as runs have",
        path: run)
    }
    var found: [(name: String, path: String)] = []
    for name in try Paths.entries(of: folder) {
      let job = Paths.join(folder, name)
      guard Paths.kind(of: job) == .directory else { continue }
      let path = ArtifactBinding.artifactPath(job: job)
      if Paths.kind(of: path) == .missing, !isDone(job) {
        log.warn([Warning("JOB-EMPTY", "the job has no artifact", subject: name)])
      } else {
        found.append((name, path))
      }
    }
    if found.isEmpty {
      throw Fault(.missingInput, "RUN-EMPTY", "no job of the run has an artifact", path: run)
    }
    return found
  }

  /// The record beside an artifact; nil where none lies there, and it can only be taken for what it is called.
  private func record(of artifact: String) throws(Fault) -> JobRecord? {
    let job = Paths.parent(of: artifact)
    guard Paths.kind(of: ArtifactBinding.recordPath(job: job)) != .missing else { return nil }
    return try ArtifactBinding.record(job: job)
  }

  /// Whether a record says that the job of this folder is done with; one that cannot be read is not passed over either.
  private func isDone(_ job: String) -> Bool {
    let path = ArtifactBinding.recordPath(job: job)
    guard Paths.kind(of: path) != .missing else { return false }
    do throws(Fault) {
      return [.done, .kept].contains(try ArtifactBinding.record(job: job).state)
    } catch {
      return true
    }
  }

  private func session(
    for artifact: String, _ record: JobRecord?
  ) throws(Fault) -> BaseSession {
    guard let path = basePath ?? record?.base?.path else {
      throw Fault(
        .missingInput, "RUN-BASE", "no record names the artifact's base; give it with --base",
        path: artifact)
    }
    if let session = sessions[path] { return session }
    do throws(Fault) {
      let session = try openBase(path)
      sessions[path] = session
      return session
    } catch {
      guard basePath == nil, error.kind == .missingInput else { throw error }
      throw Fault(
        error.kind, error.code,
        "\(error.reason); so the record names it, give its place with --base",
        path: path)
    }
  }
}

extension RunExporter {
  /// `xspress.exports/1`.
  public static func json(
    _ results: [Result], run: String, directory: String, target: ExportTarget
  ) -> JSONValue {
    func count(_ state: String) -> JSONValue { .integer(results.count { $0.state == state }) }
    return .object([
      "schema": "xspress.exports/1", "run": .string(run), "to": .string(target.rawValue),
      "directory": .string(directory), "listed": .integer(results.count),
      "done": count("done"), "kept": count("kept"), "failed": count("failed"),
      "exports": .array(
        results.map { result in
          .object([
            "name": .string(result.name), "state": .string(result.state),
            "artifact": result.keptAdapter == nil ? .string(result.artifactPath) : .null,
            "adapter": result.keptAdapter.map { .string($0) } ?? .null,
            "directory": result.keptAdapter == nil ? .string(result.directory) : .null,
            "files": .array(result.files.map { .string($0) }),
            "error": result.fault.map { .string($0.line) } ?? .null,
          ])
        }),
    ])
  }
}
