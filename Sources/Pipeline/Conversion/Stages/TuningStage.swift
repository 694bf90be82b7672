import Artifacts
package import Faults
import Recipes
import Sessions
import Training

/// Tunes a start where the job tunes, and rounds it where it does not.
package struct TuningStage: Stage {
  package static let name: String? = "tune"

  package init() {}

  package func isNeeded(
    for input: (start: Start, size: JobSize, rows: JobRows?), in job: JobContext
  ) -> Bool {
    input.rows != nil
  }

  package func run(
    _ input: (start: Start, size: JobSize, rows: JobRows?), in job: JobContext
  ) throws(Fault) -> TunedAdapter {
    let start = input.start
    let digest = try job.planDigest(
      start.plan, gateRows: input.rows?.gate.count ?? 0, storage: start.storage)
    guard let tuning = job.request.tuning, let rows = input.rows else {
      return TunedAdapter(
        start: start, projected: start.projected, latents: try start.untuned(), planDigest: digest)
    }
    var run = TuningRun(start, tuning)
    run.checkpoint = job.checkpoint(suffix: input.size.suffix, planDigest: digest)
    run.bytes = input.size.bytes
    // Pairs that the job chose itself are trained; whether given ones are is an option.
    if job.request.residual == nil, job.request.startArtifactPath == nil,
      start.projected.hasResidual
    {
      run.options.tunesResidual = true
    }
    let result = try run.run(on: rows.tuning, in: job)
    var tuned = TunedAdapter(
      start: start, projected: try start.projected.replacingResiduals(result.residual),
      latents: result.latents, tuning: result.record, planDigest: digest)
    tuned.head = result.head.flatMap { job.source.newHead?.parts($0) }
    return tuned
  }
}
