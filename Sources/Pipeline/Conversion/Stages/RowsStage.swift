package import Evaluation
package import Faults
import Recipes
import Sessions
package import Training

/// The examples of a job that tunes.
package struct JobRows {
  /// What trains, and the dev rows that choose form, step and rate.
  package let tuning: TuningData
  /// Held out for a minimum of retained gain; empty where none was asked for.
  package let gate: [TokenizedExample]
}

/// Reads and splits the examples that train, choose and judge; nil for a job that does not tune.
package struct RowsStage: Stage {
  package static let name: String? = "read rows"

  package init() {}

  package func isNeeded(for input: Void, in job: JobContext) -> Bool {
    job.request.tuning != nil
  }

  package func run(_: Void, in job: JobContext) throws(Fault) -> JobRows? {
    guard let tuning = job.request.tuning else { return nil }
    let examples = try job.tokenized(try job.file(of: tuning.data), role: "training")
    let (seed, gated) = (tuning.options.seed, job.request.target.minRetained != nil)
    let split: TuningSplit
    switch tuning.validation {
    case .file(let file):
      split = try TuningSplit(
        training: examples, validation: try job.tokenized(file, role: "validation"), seed: seed,
        gated: gated)
    case .fraction(let fraction):
      split = try TuningSplit(examples, fraction: fraction, seed: seed, gated: gated)
    }
    return JobRows(
      tuning: TuningData(
        training: split.training, validation: split.validation, teacher: try job.teacher(),
        store: try job.teacherStore(), ranks: job.session.ranks), gate: split.gate)
  }
}
