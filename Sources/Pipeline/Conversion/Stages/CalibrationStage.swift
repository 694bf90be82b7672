package import Faults
import Files
package import Models
import Recipes
import Sessions
import Training

/// Second moments of inputs and gradients on the calibration's examples, of the LoRA model or of the base; nil for a job
/// without.
package struct CalibrationStage: Stage {
  package static let name: String? = "calibrate"

  package init() {}

  package func isNeeded(for input: Void, in job: JobContext) -> Bool {
    job.request.calibration != nil
  }

  package func run(_: Void, in job: JobContext) throws(Fault) -> CurvatureRows? {
    guard let data = job.request.calibration else { return nil }
    let examples = try job.tokenized(try job.file(of: data), role: "calibration")
    let (session, seed) = (job.session, job.request.seed)
    let scratch = Paths.parent(of: job.request.outputPath)
    guard job.request.calibrationModel == .adapter, let teacher = try job.teacher() else {
      return try session.moments.rows(session, examples: examples, seed: seed, scratch: scratch)
    }
    return try session.curvature(
      of: teacher, examples: examples, seed: seed, scratch: scratch)
  }
}
