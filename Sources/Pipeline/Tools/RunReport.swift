public import Faults
import Files
public import Reports

/// Reads the records of run directories back and makes one report of them.
public enum RunReport {
  /// A report over every record in `runDirectories`, in directory and job order.
  ///
  /// - Throws: `RUN-EMPTY` where a directory holds no record; what reading a record throws.
  public static func read(_ runDirectories: [String]) throws(Fault) -> Report {
    var records: [JobRecord] = []
    for directory in runDirectories {
      let jobs = Paths.join(directory, "jobs")
      guard Paths.kind(of: jobs) == .directory else {
        throw Fault(.missingInput, "RUN-EMPTY", "no jobs/ folder: not a run", path: directory)
      }
      for name in try Paths.entries(of: jobs).sorted() {
        let path = Paths.join(Paths.join(jobs, name), "record.json")
        if Paths.kind(of: path) == .file { records.append(try BatchRunner.record(path)) }
      }
    }
    guard !records.isEmpty else {
      throw Fault(.missingInput, "RUN-EMPTY", "no finished job", path: runDirectories.first)
    }
    return Report(jobs: records)
  }
}
