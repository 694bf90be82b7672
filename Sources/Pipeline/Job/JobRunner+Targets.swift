import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Foundation
import Models
import Progress
import Tensors
import Training

/// How a byte budget or a floor on retained gain becomes a rank.
extension JobRunner {
  /// Bytes kept free in a budget for the metadata that is not known before the end: how it was tuned, and
  /// what was measured.
  private var blockReserve: Int {
    (request.tuning == nil ? 0 : 300)
      + (request.evaluation == nil ? 0 : 900 + 150 * request.controls.count)
  }

  /// The ranks whose artifact will fit `bytes`.
  ///
  /// The model of sizes is corrected by drafts of the artifact until one fills the budget to half a percent. Numbers
  /// that are not codes cannot be made coarser afterwards: for those a hundredth stays free.
  func plan(_ projection: ProjectionStage, within bytes: Int) throws(Fault) -> RankPlan {
    let plans =
      choice == .top
      ? topPlan
      : try BudgetPlanner(projection, storage: request.storage).plans(request.allocation)
    let stage = ArtifactStage(session: session, request: request, matched: matched)
    let available = request.storage.isQuantised ? bytes : bytes - max(bytes / 100, 32)
    var (low, high) = (0.0, 1.5 * Double(bytes))
    var best: RankPlan?
    for _ in 0..<14 {
      let target = (low + high) / 2
      let plan = plans(target)
      let draft = try stage.draft(
        plan, directions: choice == .top ? .top : .selected, residuals: projection.residuals)
      let size = try draft.map { (draft) throws(Fault) in
        try draft.encodedByteCount() + blockReserve
      }
      if let size, size > available {
        high = target
        continue
      }
      low = target
      guard let size else { continue }
      best = plan
      if Double(size) > 0.995 * Double(available) { break }
    }
    guard let best else {
      throw Fault(
        .badData, "JOB-BUDGET", "no rank fits \(bytes) bytes", path: request.adapterPath)
    }
    return best
  }

  /// The largest square rank that the model puts at `bytes`.
  private func topPlan(within bytes: Double) -> RankPlan {
    let model = ByteModel(storage: request.storage)
    func size(_ rank: Int) -> Double {
      matched.modules.reduce(0) {
        $0
          + model.unlistedBytes(
            of: LatentRank(rank).clipped(outFeatures: $1.outFeatures, inFeatures: $1.inFeatures))
      }
    }
    var rank = 0
    while rank < 512, size(rank + 1) <= bytes { rank += 1 }
    return .uniform(LatentRank(rank))
  }

  /// The artifact, with coarser scales than the best where tuned latents compress less than was expected.
  func assembleWithinBudget(_ outcome: Outcome) throws(Fault) -> AssembledArtifact {
    var artifact = try assemble(outcome)
    guard case .budget(let bytes) = request.target, request.storage.isQuantised else {
      return artifact
    }
    for coarsening in 1...16 {
      let size = try artifact.encodedByteCount() + blockReserve
      guard size > bytes else { break }
      session.log.note("\(size) bytes: scales \(coarsening) eighths of an octave coarser")
      artifact = try assemble(outcome, coarsening: coarsening)
    }
    return artifact
  }

  /// Refuses to write more than the budget.
  func checkBudget(_ size: Int) throws(Fault) {
    guard case .budget(let bytes) = request.target, size > bytes else { return }
    throw Fault(
      .badData, "JOB-BUDGET", "the artifact has \(size) bytes, the budget is \(bytes)",
      path: request.adapterPath)
  }

  /// Square rank beyond which a floor on retained gain is given up.
  private static let largestTriedRank = 64

  /// Raises the rank until the retained gain on validation reaches `share`.
  func smallestRank(
    _ projection: ProjectionStage, _ data: TuningData?, share: Double, startingRank: LatentRank
  ) throws(Fault) -> Outcome {
    guard let data, !data.validation.isEmpty else {
      throw Fault(.usage, "JOB-RETAINED", "a minimum of retained gain needs validation examples")
    }
    let evaluator = Evaluator(plan: EvaluationPlan(examples: data.validation))
    let weights = try session.weights()
    let base = try evaluator.evaluate(
      DecoderPool(weights: try session.unchanged.weights(), threads: session.threads)
    ).scores
    let lora = try evaluator.evaluate(try teacher()).scores
    let gain = lora.accuracy - base.accuracy
    guard gain > 0 else {
      throw Fault(
        .badData, "JOB-RETAINED",
        String(
          format: "the LoRA gains nothing on validation: accuracy %.3f, the base %.3f",
          lora.accuracy, base.accuracy), path: request.adapterPath)
    }
    var best = (rank: startingRank, retained: -Double.infinity)
    var rank = startingRank
    repeat {
      let outcome = try convert(
        projection, data, plan: .uniform(rank), checkpointSuffix: ".\(rank)")
      let student = StudentModel(
        weights: weights, modules: outcome.projected.modules, bases: outcome.projected.bases,
        latents: outcome.latents, threads: session.threads)
      let scores = try evaluator.evaluate(student.pool).scores
      let retained = (scores.accuracy - base.accuracy) / gain
      session.log.note(
        String(format: "rank %@ retains %.3f on validation", rank.description, retained))
      if retained >= share { return outcome }
      if retained > best.retained { best = (rank, retained) }
      rank = rank.raised
    } while rank.square <= JobRunner.largestTriedRank
    throw Fault(
      .badData, "JOB-RETAINED",
      String(
        format: "retained gain %.3f at rank %@ on validation, %.3f was asked for", best.retained,
        best.rank.description, share), path: request.adapterPath)
  }
}
