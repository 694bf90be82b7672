import Artifacts
public import Faults
import Files
public import JSON
import Pipeline
public import Reports
public import Sessions
public import Signatures

/// `verify` of a run or of an artifact: whether all of it is there, undamaged, and belongs together.
public struct ArtifactVerification: Sendable {
  /// One artifact and what is wrong with it.
  public struct Finding: Sendable {
    /// The job, or the artifact's file name.
    public var name: String
    /// The artifact.
    public var path: String
    /// Whether the job keeps its LoRA, and so has none.
    public var isKept = false
    /// What is wrong; nil for nothing.
    public var fault: Fault?

    /// `whole`, `kept` or `failed`.
    public var state: String { fault != nil ? "failed" : isKept ? "kept" : "whole" }
  }

  /// What was verified.
  public var path: String
  /// One a job, or one for an artifact.
  public var findings: [Finding]

  /// The faults found.
  public var faults: [Fault] { findings.compactMap(\.fault) }

  /// Whether `path` is a run directory.
  public static func isRun(_ path: String) -> Bool {
    Paths.kind(of: Paths.join(path, "jobs")) == .directory
  }

  /// Reads every artifact of a run that its records say is done, and compares it with its record; a job that keeps its
  /// LoRA must have none, and so must a folder without a record.
  ///
  /// - Parameters:
  ///   - key: Checks signatures of records and artifacts before they are read.
  ///   - whole: Is given every artifact that is whole, with its record.
  /// - Throws: 66 `RUN-EMPTY` where there is no record; what `whole` throws.
  public init(
    run: String, memory: Int?, key: VerifyingKey? = nil,
    whole: (_ record: JobRecord, _ artifact: String) throws(Fault) -> Void = { _, _ in }
  ) throws(Fault) {
    path = run
    findings = []
    for job in try RunReport.jobs(of: run) {
      try Interruption.check()
      var finding = Finding(
        name: Paths.name(of: job), path: ArtifactBinding.artifactPath(job: job))
      var record: JobRecord?
      do throws(Fault) {
        record = try ArtifactVerification.check(job, memory: memory, key: key)
        finding.isKept = record?.state == .kept
      } catch {
        finding.fault = error
      }
      findings.append(finding)
      if let record, !finding.isKept { try whole(record, finding.path) }
    }
    try findings += ArtifactVerification.unrecorded(in: run)
    if findings.isEmpty {
      throw Fault(.missingInput, "RUN-EMPTY", "no job has a record", path: run)
    }
  }

  /// The record of a job that is whole.
  private static func check(
    _ job: String, memory: Int?, key: VerifyingKey?
  ) throws(Fault) -> JobRecord {
    let (path, artifact) = (
      ArtifactBinding.recordPath(job: job), ArtifactBinding.artifactPath(job: job)
    )
    try key?.check(path)
    let record = try ArtifactBinding.record(job: job)
    switch record.state {
    case .kept: try ArtifactBinding.checkMissing(artifact)
    case .done:
      try key?.check(artifact)
      try ArtifactBinding.check(artifact, against: record, memory: memory)
      _ = try Artifact.read(artifact, memory: memory)
    case .failed, .rejected, .skipped:
      throw Fault(
        .badData, "RUN-JOB", "the job is \(record.state.rawValue), not done", path: path)
    }
    return record
  }

  /// Artifacts in folders of jobs without a record.
  private static func unrecorded(in run: String) throws(Fault) -> [Finding] {
    let jobs = Paths.join(run, "jobs")
    return try Paths.entries(of: jobs).sorted().compactMap { name in
      let job = Paths.join(jobs, name)
      let path = ArtifactBinding.artifactPath(job: job)
      guard Paths.kind(of: ArtifactBinding.recordPath(job: job)) == .missing,
        Paths.kind(of: path) != .missing
      else { return nil }
      return Finding(name: name, path: path, fault: ArtifactBinding.unrecorded(path))
    }
  }

  /// Reads an artifact and, where a base is given, proves by digests, singular values and probes that it belongs to it.
  ///
  /// - Parameter key: Checks its signature before it is read.
  public init(
    artifact: String, session: BaseSession?, memory: Int?, key: VerifyingKey? = nil
  ) {
    path = artifact
    var finding = Finding(name: Paths.name(of: artifact), path: artifact)
    do throws(Fault) {
      try key?.check(artifact)
      if let session {
        _ = try ArtifactLoader(session: session).load(artifact)
      } else {
        _ = try Artifact.read(artifact, memory: memory)
      }
    } catch {
      finding.fault = error
    }
    findings = [finding]
  }

  /// `xspress.verified/1`.
  public var json: JSONValue {
    .object([
      "schema": "xspress.verified/1", "path": .string(path), "listed": .integer(findings.count),
      "failed": .integer(faults.count),
      "artifacts": .array(
        findings.map { finding in
          .object([
            "name": .string(finding.name),
            "artifact": finding.isKept ? .null : .string(finding.path),
            "state": .string(finding.state),
            "error": finding.fault.map { .string($0.line) } ?? .null,
          ])
        }),
    ])
  }
}
