import Adapters
import Checkpoints
import Evaluation
import Faults
import LinearAlgebra
import Recipes
import Sessions
import Tensors
import Training

extension JobContext {
  /// Says what is coming before any work is done.
  ///
  /// What the model is to write itself is not known yet.
  ///
  /// - Throws: 69 `MD-HEAD` for an adapter whose head is not for whole texts; 71 `MEM-BUDGET` where there is too little memory for it; what reading data throws.
  func announce() throws(Fault) {
    var demand = MemoryPlan.Demand()
    demand.factors = source.updates.reduce(0) {
      $0 + $1.loraA.elements.count + $1.loraB.elements.count
    }
    demand.runsModel =
      request.calibration != nil || request.tuning != nil || request.evaluation != nil
    if demand.runsModel { try source.matched?.checkAnswers() }
    demand.roundsProducts = [request.tuning?.options.precision, request.evaluation?.precision]
      .contains(.bfloat16)
    if session.memory != nil {
      if let file = request.calibration?.file {
        demand.add(recorded: try tokenized(file, role: "calibration"), together: true)
      }
      if let tuning = request.tuning {
        let hiddenSize = session.configuration.hiddenSize
        let hasTeacher = tuning.options.objective != .ce
        if let file = tuning.data.file {
          let examples = try tokenized(file, role: "training")
          demand.add(recorded: examples, together: false)
          let (count, _) = tuning.options.steps.multipliedReportingOverflow(
            by: tuning.options.batchSize)
          if hasTeacher {
            demand.add(statesOf: examples, count: max(count, 0), hiddenSize: hiddenSize)
          }
        }
        if case .file(let file) = tuning.validation {
          let examples = try tokenized(file, role: "validation")
          demand.add(forward: examples)
          if hasTeacher { demand.add(statesOf: examples, hiddenSize: hiddenSize) }
        }
      }
      if let file = request.evaluation {
        let set = try DataSet(path: file.path, limit: file.limit, skip: file.skip)
        demand.add(forward: try session.tokenized(set))
      }
    }
    try session.expect(demand)
  }
}
