import Artifacts
package import Faults
import Progress
import Recipes
import Sessions

/// Rounds latents and assembles the artifact, coarser than the best where tuned latents compress less than was expected.
package struct StorageStage: Stage {
  package static let name: String? = "store"

  package init() {}

  /// The artifact and the result that is in it: pairs whose codes had to be changed are its pairs.
  ///
  /// `bytes` are what the artifact may have; nil for any size.
  package func run(
    _ input: (tuned: TunedAdapter, bytes: Int?), in job: JobContext
  ) throws(Fault) -> StoredResult {
    var tuned = input.tuned
    var assembler = job.assembler(tuned.start.storage)
    assembler.parts = tuned.head
    guard let bytes = input.bytes else {
      return StoredResult(
        tuned: tuned,
        artifact: try assembler.assemble(
          tuned.projected, latents: tuned.latents, tuning: tuned.tuning))
    }
    var fit = assembler.fit(tuned.projected, tuned.latents, tuning: tuned.tuning)
    var level = try fit.level(within: bytes)
    if level > 0 {
      // The record has all figures, and nothing else has what coarser scales lose.
      fit = assembler.fit(
        tuned.projected, tuned.latents, tuning: tuned.tuning, figures: .barest)
      level = try fit.level(within: bytes)
    }
    var (artifact, projected) = try fit.made(level)
    if level > 0 { job.session.log.note("scales \(artifact.scales)") }
    tuned.projected = projected
    artifact.removeStandIns()
    return StoredResult(tuned: tuned, artifact: artifact)
  }
}
