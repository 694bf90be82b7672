import Adapters
package import Faults
import Projection
import Recipes
package import Reports

/// The record of a job that keeps its LoRA: no artifact retained what had to be retained.
package struct KeepingStage: Stage {
  package static let name: String? = nil

  package init() {}

  /// `gate` is what came nearest, `evaluation` what is kept.
  package func run(
    _ input: (gate: GateRecord?, evaluation: EvaluationRecord?), in job: JobContext
  ) throws(Fault) -> JobRecord {
    job.removeState()
    let bytes = job.matched.adapter.byteCount
    var record = RecordStage.record(
      job, state: .kept,
      sizes: SizeRecord(
        asShipped: bytes, f16Equivalent: job.matched.adapter.parameterCount * 2, artifact: bytes),
      gate: input.gate,
      settings: [
        Setting("rank", job.matched.adapter.rank), Setting("form", "the LoRA as it is"),
        Setting("directions", job.request.directions.rawValue),
        Setting("start", job.request.method.rawValue),
      ] + RecordStage.calibration(job))
    record.evaluation = input.evaluation
    return record
  }
}
