import Evaluation
import Faults
import Foundation
import Models
import Training

/// What share of the LoRA's gain in accuracy a conversion keeps, on validation examples:
/// `(accuracy − base) / (LoRA − base)`.
struct RetainedShare {
  private let session: BaseSession
  private let evaluator: Evaluator
  private let adapterPath: String
  private let baseAccuracy: Double
  private let adapterAccuracy: Double

  /// Measures the base and `teacher`, the LoRA model, on `data`'s validation examples.
  ///
  /// - Throws: `JOB-RETAINED`: 64 without validation examples, 65 where the LoRA gains nothing on them.
  init(
    session: BaseSession, data: TuningData?, teacher: DecoderPool, adapterPath: String
  ) throws(Fault) {
    guard let data, !data.validation.isEmpty else {
      throw Fault(.usage, "JOB-RETAINED", "a minimum of retained gain needs validation examples")
    }
    self.session = session
    evaluator = Evaluator(plan: EvaluationPlan(examples: data.validation))
    baseAccuracy = try evaluator.evaluate(
      DecoderPool(weights: try session.unchanged.weights(), threads: session.threads)
    ).scores.accuracy
    adapterAccuracy = try evaluator.evaluate(teacher).scores.accuracy
    self.adapterPath = adapterPath
    _ = try share(of: baseAccuracy)
  }

  private func share(of accuracy: Double) throws(Fault) -> Double {
    guard
      let share = RetainedGain.share(
        of: accuracy, base: baseAccuracy, teacher: adapterAccuracy)
    else {
      throw Fault(
        .badData, "JOB-RETAINED",
        "the LoRA gains nothing on validation: accuracy \(adapterAccuracy.threeDecimals), the base "
          + baseAccuracy.threeDecimals, path: adapterPath)
    }
    return share
  }

  /// The share that `outcome` keeps.
  func callAsFunction(_ outcome: JobRunner.Outcome) throws(Fault) -> Double {
    let student = StudentModel(
      weights: try session.weights(), modules: outcome.projected.modules,
      bases: outcome.projected.bases, latents: outcome.latents, threads: session.threads)
    return try share(of: try evaluator.evaluate(student.pool).scores.accuracy)
  }
}

extension Double {
  /// As people read a share: `0.953`.
  var threeDecimals: String { String(format: "%.3f", self) }
}
