import Artifacts
package import Faults
import Files
import Ranks
import Recipes
import Reports
import Sessions

/// An artifact on disk.
package struct WrittenFile: Sendable {
  /// SHA-256 of the file.
  var digest: SHA256Digest
  /// Its size.
  var byteCount: Int
  /// What of it costs how much.
  var parts: [SizeRecord.Part]
}

/// Writes the artifact atomically and removes what an interruption would have needed: of several ranks the first.
package struct WritingStage: Stage {
  package static let name: String? = nil

  package init() {}

  package func run(_ artifact: AssembledArtifact, in job: JobContext) throws(Fault) -> WrittenFile {
    let encoded = try EncodedArtifact(artifact.artifact)
    if let bytes = job.request.target.budget {
      let size = encoded.bytes.count
      guard size <= bytes else {
        throw Fault(
          .badData, "JOB-BUDGET", "the artifact has \(size) bytes, the budget is \(bytes)",
          path: job.request.subjectPath)
      }
    }
    let ranks = job.session.ranks
    try ranks.agree { () throws(Fault) in
      [("the artifact", SHA256Digest.of(encoded.bytes).hex)]
    }
    guard ranks.isFirst else {
      return WrittenFile(
        digest: SHA256Digest.of(encoded.bytes), byteCount: encoded.bytes.count,
        parts: try encoded.parts())
    }
    let written = try AtomicFile.write(job.request.outputPath, bytes: encoded.bytes)
    job.removeState()
    return WrittenFile(
      digest: written.digest, byteCount: written.byteCount, parts: try encoded.parts())
  }
}
