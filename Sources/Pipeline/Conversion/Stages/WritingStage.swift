import Artifacts
package import Faults
import Files
import Recipes
import Reports

/// An artifact on disk.
package struct WrittenFile: Sendable {
  var written: AtomicFile.Written
  /// What of it costs how much.
  var parts: [SizeRecord.Part]
}

/// Writes the artifact atomically and removes what an interruption would have needed.
package struct WritingStage: Stage {
  package static let name: String? = nil

  package init() {}

  package func run(_ artifact: AssembledArtifact, in job: JobContext) throws(Fault) -> WrittenFile {
    let encoded = try EncodedArtifact(artifact.artifact)
    if case .budget(let bytes, _) = job.request.target {
      let size = encoded.bytes.count
      guard size <= bytes else {
        throw Fault(
          .badData, "JOB-BUDGET", "the artifact has \(size) bytes, the budget is \(bytes)",
          path: job.request.adapterPath)
      }
    }
    let written = try AtomicFile.write(job.request.outputPath, bytes: encoded.bytes)
    job.removeState()
    return WrittenFile(written: written, parts: try encoded.parts())
  }
}
