import Adapters
package import Faults
import Models
import Recipes
package import Reports
import Sessions

/// The accuracy block of a job that keeps its LoRA: that and the base.
package struct AdapterMeasurementStage: Stage {
  package static let name: String? = "evaluate"

  package init() {}

  package func isNeeded(for input: Void, in job: JobContext) -> Bool {
    job.request.evaluation != nil
  }

  package func run(_: Void, in job: JobContext) throws(Fault) -> EvaluationRecord? {
    try job.request.evaluation.map { (data) throws(Fault) in
      try Measurement(ofAdapterAndBaseOn: data, in: job).record()
    }
  }
}

extension Measurement {
  /// The LoRA, if there is one, with which all that follow are compared, and the base.
  convenience init(
    ofAdapterAndBaseOn data: JobRequest.Data, in job: JobContext
  ) throws(Fault) {
    let (session, request) = (job.session, job.request)
    try self.init(session: session, request: data, seed: request.seed)
    job.warnOfSeen(examples, in: data.path)
    if let adapter = job.source.adapter, let teacher = try job.teacher() {
      try measure(
        .lora, name: adapter.name, source: request.adapterPath, bytes: adapter.byteCount,
        pool: teacher)
    }
    try measure(
      .base, name: "base", source: request.basePath,
      pool: DecoderPool(weights: try session.asBase.weights(), threads: session.threads))
  }
}
