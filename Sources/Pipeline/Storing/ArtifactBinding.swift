import Artifacts
package import Faults
import Files
package import Reports

/// Whether an artifact of a run is the one that its record describes (`formats/record.md` §1).
package enum ArtifactBinding {
  /// The artifact of a job's folder.
  package static func artifactPath(job directory: String) -> String {
    Paths.join(directory, Paths.name(of: directory) + ".loraxs")
  }

  /// The record of a job's folder.
  package static func recordPath(job directory: String) -> String {
    Paths.join(directory, "record.json")
  }

  /// What the record in a job's folder says.
  ///
  /// - Throws: as ``JobRecord/read(_:)``; 65 `RUN-ARTIFACT` where it is another job's.
  package static func record(job directory: String) throws(Fault) -> JobRecord {
    let path = recordPath(job: directory)
    let record = try JobRecord.read(path)
    guard record.name == Paths.name(of: directory) else {
      throw fault("is the record of job \"\(Fault.escaped(record.name, limit: 80))\"", path)
    }
    return record
  }

  /// Checks the artifact at `path` against the record of a job that is done.
  ///
  /// - Throws: 65 `RUN-ARTIFACT` where it is missing or another one; what reading it throws where the record, of an
  ///   earlier version, has no digest of it.
  package static func check(_ path: String, against record: JobRecord, memory: Int?) throws(Fault) {
    guard Paths.kind(of: path) != .missing else {
      throw fault("the record says that the job is done, the artifact is missing", path)
    }
    if let expected = record.artifactSHA256 {
      let file = try InputFile(path)
      let found = try SHA256Digest.of(file).hex
      try file.checkUnchanged()
      guard found == expected else {
        throw fault(
          "not the artifact of its record: SHA-256 \(found.prefix(16)), recorded "
            + "\(Fault.escaped(expected, limit: 16))", path)
      }
    } else {
      let found = try Artifact.read(path, memory: memory).metadata.adapter?.digest.hex
      guard let expected = record.adapter?.sha256, found == expected else {
        throw fault(
          "not the artifact of its record: made from the adapter \(found?.prefix(16) ?? "none"), recorded "
            + "\(Fault.escaped(record.adapter?.sha256 ?? "none", limit: 16))", path)
      }
    }
  }

  /// Checks that a job that keeps its LoRA has no artifact at `path`.
  ///
  /// - Throws: 65 `RUN-ARTIFACT` where there is one.
  package static func checkMissing(_ path: String) throws(Fault) {
    guard Paths.kind(of: path) != .missing else { return }
    throw fault("the record says that the job keeps its LoRA, yet here is an artifact", path)
  }

  /// The fault of an artifact beside the record of a job that made none.
  package static func leftover(_ path: String, of state: JobRecord.State) -> Fault {
    fault(
      "the record says that the job is \(state.rawValue): this artifact is an earlier one's", path)
  }

  /// The fault of an artifact that no record describes.
  package static func unrecorded(_ path: String) -> Fault {
    fault("no record describes this artifact", path)
  }

  private static func fault(_ reason: String, _ path: String) -> Fault {
    Fault(.badData, "RUN-ARTIFACT", reason, path: path)
  }
}
