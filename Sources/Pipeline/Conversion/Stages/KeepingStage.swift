import Adapters
package import Faults
import Projection
import Recipes
package import Reports
import Sessions

/// The record of a job that keeps its LoRA: no artifact retained what had to be retained.
package struct KeepingStage: Stage {
  package static let name: String? = nil

  package init() {}

  /// `gate` is what came nearest, `evaluation` what is kept.
  package func run(
    _ input: (gate: GateRecord?, evaluation: EvaluationRecord?), in job: JobContext
  ) throws(Fault) -> JobRecord {
    job.removeState()
    var record = RecordStage.record(
      job, state: .kept,
      sizes: job.source.adapter.map { SizeRecord($0, artifact: $0.byteCount) },
      gate: input.gate,
      settings: [
        Setting("rank", job.source.rank), Setting("form", "the LoRA as it is"),
        Setting("directions", job.request.directions.rawValue),
        Setting("start", job.request.method.rawValue),
      ] + RecordStage.calibration(job))
    record.evaluation = input.evaluation
    return record
  }
}
