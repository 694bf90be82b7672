import Faults
import Files
import Fleet
import JSON
import Recipes
import Reports
import TestSupport

/// A run of jobs whose adapters are files of a few bytes: what plans, records and documents are made of, without work.
struct TinyRun {
  let folder: String
  let run: RunDirectory
  var fleet: Fleet { Fleet(run: run.path) }
  var manifestPath: String { Paths.join(folder, "m.yaml") }

  /// - Parameter jobs: Names and ranks.
  init(in folder: String, _ jobs: [(name: String, rank: Int)]) throws {
    self.folder = folder
    run = RunDirectory(Paths.join(folder, "run"))
    _ = try AtomicFile.write(Paths.join(folder, "base.gguf"), text: "a base")
    for (index, job) in jobs.enumerated() {
      let bytes = [UInt8](repeating: 7, count: 10 * (index + 1))
      _ = try AtomicFile.write(Paths.join(folder, job.name), bytes: bytes)
    }
    try rewrite(jobs)
  }

  /// Writes another manifest in the place of the one there.
  func rewrite(_ jobs: [(name: String, rank: Int)]) throws {
    var text = """
      schema: xspress.manifest/1
      bases: {b: {path: base.gguf}}
      adapters:

      """
    for job in jobs { text += "  - {path: \(job.name), rank: \(job.rank)}\n" }
    _ = try AtomicFile.write(manifestPath, text: text)
  }

  func manifest() throws -> Manifest { try Manifest.read(manifestPath) }

  func artifactPath(_ name: String) -> String { "\(run.path)/jobs/\(name)/\(name).loraxs" }

  /// Leaves the record that a worker would have left, and for a job that is done its artifact.
  func leave(_ name: String, _ state: JobRecord.State, fault: Fault? = nil) throws {
    try Paths.makeDirectory("\(run.path)/jobs/\(name)")
    var record = JobRecord(
      name: name, state: state, failure: fault.map(FailureRecord.init), createdBy: "a test")
    if state == .done {
      let written = try AtomicFile.write(artifactPath(name), text: "the artifact of \(name)")
      record.artifactSHA256 = written.digest.hex
    }
    _ = try AtomicFile.write(
      "\(run.path)/jobs/\(name)/record.json", text: record.json.text(pretty: true))
  }
}
