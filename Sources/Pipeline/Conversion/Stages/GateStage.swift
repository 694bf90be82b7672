import Evaluation
package import Faults
import Recipes
import Sessions

/// Measures base and LoRA on the rows that judge artifacts; nil for a job without a minimum of retained gain.
package struct GateStage: Stage {
  package static let name: String? = "judge"

  package init() {}

  package func isNeeded(for rows: JobRows?, in job: JobContext) -> Bool {
    job.request.target.minRetained != nil
  }

  package func run(_ rows: JobRows?, in job: JobContext) throws(Fault) -> RetentionGate? {
    guard let share = job.request.target.minRetained, let teacher = try job.teacher() else {
      return nil
    }
    return try RetentionGate(
      session: job.session, examples: rows?.gate ?? [], teacher: teacher,
      adapterPath: job.request.subjectPath, asked: share, seed: job.request.seed)
  }
}
