import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
package import Faults
import Models
import Progress
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import Training

/// The accuracy block: every variant and control on the same examples.
///
/// Without examples the artifact is loaded all the same: nothing is written that a loader would refuse.
package struct MeasurementStage: Stage {
  package static let name: String? = "evaluate"

  package init() {}

  package func isNeeded(for input: (result: StoredResult, rows: JobRows?), in job: JobContext)
    -> Bool
  {
    job.request.evaluation != nil
  }

  /// The result with its figures in the artifact.
  package func run(
    _ input: (result: StoredResult, rows: JobRows?), in job: JobContext
  ) throws(Fault) -> StoredResult {
    job.warnOfTeacherStore()
    var result = input.result
    guard let data = job.request.evaluation else {
      _ = try result.artifact.loaded(job.session)
      return result
    }
    result.evaluation = try measured(result, on: data, input.rows, job)
    let budget = job.request.target.budget
    if try !result.artifact.setAccuracy(&result.evaluation, within: budget) {
      job.session.log.note("the figures do not fit into the artifact: the record has them")
    }
    return result
  }

  private func measured(
    _ result: StoredResult, on data: JobRequest.Data, _ rows: JobRows?, _ job: JobContext
  ) throws(Fault) -> EvaluationRecord {
    let (session, request, tuned) = (job.session, job.request, result.tuned)
    let measurement = try Measurement(ofAdapterAndBaseOn: data, in: job)
    try measurement.measure(
      .start, name: "start (\(request.method.rawValue))",
      pool: try tuned.first.student(session, latents: tuned.first.latents).pool)
    if tuned.tuning != nil {
      let own = tuned.head.map { session.changed(by: $0) } ?? session
      try measurement.measure(
        .tuned, name: "tuned",
        pool: try tuned.projected.student(own, latents: tuned.latents).pool)
    }
    let storage = tuned.start.storage.rawValue
    try measurement.measure(
      .stored,
      name: "as stored (\(storage + (tuned.projected.hasResidual ? " + residual" : "")))",
      source: request.outputPath, bytes: try result.artifact.encodedByteCount(),
      pool: try result.artifact.loaded(session).student(session: session).pool)
    // Controls get the bytes of the artifact with the figures in it.
    var whole = result.artifact
    job.assembler(tuned.start.storage).standIn(&whole, whole.figures)
    let context = ControlContext(
      job: job, result: tuned, data: rows?.tuning, bytes: try whole.encodedByteCount(),
      figures: whole.figures)
    for control in request.controls {
      for variant in try control.implementation.variants(context) {
        try measurement.measure(
          .control, name: variant.name, bytes: variant.bytes, pool: variant.pool)
      }
    }
    return measurement.record()
  }
}
