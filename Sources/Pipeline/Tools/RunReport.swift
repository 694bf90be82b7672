public import Faults
import Files
public import Reports

/// Reads the records of run directories back and makes one report of them.
public enum RunReport {
  /// Writes a report over every record in `runDirectories`, in directory and job order, into `directory`; returns it with
  /// what is wrong with records and artifacts.
  ///
  /// A record that cannot be read stands in the report as a failed job, an artifact that is not its record's as a
  /// warning: neither takes the others with it.
  ///
  /// - Throws: `RUN-EMPTY` where a directory holds no record; what writing throws.
  public static func write(
    _ runDirectories: [String], to directory: String
  ) throws(Fault) -> (report: Report, faults: [Fault]) {
    var jobs: [String] = []
    for run in runDirectories { jobs += try self.jobs(of: run) }
    guard !jobs.isEmpty else {
      throw Fault(.missingInput, "RUN-EMPTY", "no finished job", path: runDirectories.first)
    }
    // Records are asked for more than once; their faults are listed once.
    var faults: [Int: Fault] = [:]
    var found: [Int: String] = [:]
    let report = try ReportWriter().write(to: directory, count: jobs.count) {
      (index) throws(Fault) -> JobRecord in
      try Interruption.check()
      do throws(Fault) {
        var record = try JobRecord.read(ArtifactBinding.recordPath(job: jobs[index]))
        if record.state == .done, found[index] == nil {
          do throws(Fault) {
            try ArtifactBinding.check(
              ArtifactBinding.artifactPath(job: jobs[index]), against: record, memory: nil)
            found[index] = ""
          } catch {
            faults[index] = error
            found[index] = error.description
          }
        }
        if let warning = found[index], !warning.isEmpty { record.warnings.append(warning) }
        return record
      } catch {
        faults[index] = error
        return JobRecord(
          name: Paths.name(of: jobs[index]), state: .failed, failure: FailureRecord(error),
          machine: "", createdBy: "")
      }
    }
    return (report, faults.sorted { $0.key < $1.key }.map(\.value))
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
