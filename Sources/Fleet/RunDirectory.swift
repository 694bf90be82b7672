import Faults
import Files
import Pipeline
import Reports

/// Where the parts of a run lie.
public struct RunDirectory: Sendable {
  /// The run's own folder.
  public let path: String

  /// The run at `path`.
  public init(_ path: String) {
    self.path = path
  }

  /// `plan.json`.
  var planPath: String { Paths.join(path, "plan.json") }
  /// `report/`.
  public var reportPath: String { Paths.join(path, "report") }

  /// The folder of a job.
  func jobPath(_ name: String) -> String { Paths.join(Paths.join(path, "jobs"), name) }
  /// What the record of a job says.
  ///
  /// - Throws: as ``JobRecord/read(_:)``; 65 `RUN-ARTIFACT` where it is another job's.
  func record(_ name: String) throws(Fault) -> JobRecord {
    try ArtifactBinding.record(job: jobPath(name))
  }

  /// The record of a job.
  func recordPath(_ name: String) -> String { ArtifactBinding.recordPath(job: jobPath(name)) }
  /// The artifact of a job.
  func artifactPath(_ name: String) -> String { ArtifactBinding.artifactPath(job: jobPath(name)) }
}
