public import Faults
import Files
import Pipeline
public import Reports
import Synchronization

/// Reads the records of run directories back and makes one report of them.
public enum RunReport {
  /// Writes a report over every record in `runDirectories`, in directory and job order, into `directory`; returns it with
  /// what is wrong with records and artifacts.
  ///
  /// A record that cannot be read stands in the report as a failed job, an artifact that is not its record's as a
  /// warning: neither takes the others with it. The bytes do not depend on `threads`.
  ///
  /// - Throws: `RUN-EMPTY` where a directory holds no record; what writing throws.
  public static func write(
    _ runDirectories: [String], to directory: String, threads: Int
  ) throws(Fault) -> (report: Report, faults: [Fault]) {
    var jobs: [String] = []
    for run in runDirectories { jobs += try self.jobs(of: run) }
    guard !jobs.isEmpty else {
      throw Fault(.missingInput, "RUN-EMPTY", "no finished job", path: runDirectories.first)
    }
    let (folders, checks) = (jobs, Checks())
    let report = try ReportWriter().write(to: directory, count: folders.count, threads: threads) {
      (index) throws(Fault) -> JobRecord in
      try Interruption.check()
      do throws(Fault) {
        var record = try ArtifactBinding.record(job: folders[index])
        if record.state == .done, let fault = checks.fault(of: index, folders[index], record) {
          record.warnings.append(fault.description)
        }
        return record
      } catch {
        checks.note(error, of: index)
        return JobRecord(
          name: Paths.name(of: folders[index]), state: .failed, failure: FailureRecord(error),
          machine: "", createdBy: "")
      }
    }
    return (report, checks.faults)
  }

  /// What was found of records and artifacts: records are asked for more than once, and their faults are listed once.
  private final class Checks: Sendable {
    private struct State {
      var checked = Set<Int>()
      var faults: [Int: Fault] = [:]
    }
    private let state = Mutex(State())

    /// What is wrong with the artifact of the job at `index`, looked at once.
    func fault(of index: Int, _ job: String, _ record: JobRecord) -> Fault? {
      if state.withLock({ $0.checked.contains(index) }) {
        return state.withLock { $0.faults[index] }
      }
      do throws(Fault) {
        try ArtifactBinding.check(
          ArtifactBinding.artifactPath(job: job), against: record, memory: nil)
      } catch {
        note(error, of: index)
      }
      return state.withLock { state in
        state.checked.insert(index)
        return state.faults[index]
      }
    }

    func note(_ fault: Fault, of index: Int) {
      state.withLock { $0.faults[index] = fault }
    }

    /// In the order of jobs.
    var faults: [Fault] {
      state.withLock { $0.faults.sorted { $0.key < $1.key }.map(\.value) }
    }
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
