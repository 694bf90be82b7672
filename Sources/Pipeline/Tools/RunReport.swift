public import Faults
import Files
public import Reports

/// Reads the records of run directories back and makes one report of them.
public enum RunReport {
  /// A report over every record in `runDirectories`, in directory and job order, and what is wrong with records and
  /// artifacts.
  ///
  /// A record that cannot be read stands in the report as a failed job, an artifact that is not its record's as a
  /// warning: neither takes the others with it.
  ///
  /// - Throws: `RUN-EMPTY` where a directory holds no record.
  public static func read(
    _ runDirectories: [String]
  ) throws(Fault) -> (report: Report, faults: [Fault]) {
    var records: [JobRecord] = []
    var faults: [Fault] = []
    for directory in runDirectories {
      for job in try jobs(of: directory) {
        do throws(Fault) {
          var record = try JobRecord.read(ArtifactBinding.recordPath(job: job))
          if record.state == .done {
            do throws(Fault) {
              try ArtifactBinding.check(
                ArtifactBinding.artifactPath(job: job), against: record, memory: nil)
            } catch {
              faults.append(error)
              record.warnings.append(error.description)
            }
          }
          records.append(record)
        } catch {
          faults.append(error)
          records.append(
            JobRecord(
              name: Paths.name(of: job), state: .failed, failure: FailureRecord(error),
              machine: "", createdBy: ""))
        }
      }
    }
    guard !records.isEmpty else {
      throw Fault(.missingInput, "RUN-EMPTY", "no finished job", path: runDirectories.first)
    }
    return (Report(jobs: records), faults)
  }

  /// The folders of a run's jobs that have a record.
  ///
  /// - Throws: `RUN-EMPTY` where the directory is no run.
  static func jobs(of run: String) throws(Fault) -> [String] {
    let folder = Paths.join(run, "jobs")
    guard Paths.kind(of: folder) == .directory else {
      throw Fault(.missingInput, "RUN-EMPTY", "no jobs/ folder: not a run", path: run)
    }
    return try Paths.entries(of: folder).map { Paths.join(folder, $0) }.filter {
      Paths.kind(of: ArtifactBinding.recordPath(job: $0)) == .file
    }
  }
}
