package import Faults
import Files
package import Models
import Progress
import Recipes
import Training

/// Second moments of inputs and gradients on the calibration's examples; nil for a job without.
package struct CalibrationStage: Stage {
  package static let name: String? = "calibrate"

  package init() {}

  package func isNeeded(for input: Void, in job: JobContext) -> Bool {
    job.request.calibration != nil
  }

  package func run(_: Void, in job: JobContext) throws(Fault) -> CurvatureRows? {
    guard let data = job.request.calibration else { return nil }
    let examples = try job.tokenized(try job.file(of: data), role: "calibration")
    let task = job.session.log.task("calibrate", total: examples.count, unit: "examples")
    let curvature = try Calibration.curvature(
      of: try job.teacher(), examples: examples, seed: job.request.seed,
      scratch: Paths.parent(of: job.request.outputPath), memory: job.session.memoryBesideWeights
    ) { done, _ in task.update(completed: done) }
    task.finish()
    return curvature
  }
}
