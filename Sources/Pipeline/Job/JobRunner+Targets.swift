import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Foundation
import Models
import Progress
import Recipes
import Tensors
import Training

/// How a byte budget becomes a rank.
extension JobRunner {
  /// Bytes kept free in a budget for the metadata that is not known before the end: how it was tuned, and
  /// what was measured.
  private var blockReserve: Int {
    (request.tuning == nil ? 0 : 300) + (request.target.minRetained == nil ? 0 : 150)
      + (request.evaluation == nil ? 0 : 900 + 150 * request.controls.count)
  }

  /// Ranks for any budget: from the bytes that the model of sizes counts to a plan.
  func plans(_ projection: ProjectionStage) throws(Fault) -> (Double) -> RankPlan {
    if choice == .top { return topPlan }
    return try BudgetPlanner(projection, storage: request.storage).plans(request.allocation)
  }

  /// What a budget of `bytes` comes to.
  func fill(
    _ bytes: Int, _ projection: ProjectionStage, _ data: TuningData?
  ) throws(Fault) -> Outcome {
    guard let plan = try plan(projection, try plans(projection), within: bytes) else {
      throw noRankFits(bytes)
    }
    return try convert(projection, data, plan: plan)
  }

  /// The ranks whose artifact will fit `bytes`; nil where none does.
  ///
  /// The model of sizes is corrected by drafts of the artifact until one fills the budget to half a percent. Numbers
  /// that are not codes cannot be made coarser afterwards: for those a hundredth stays free.
  func plan(
    _ projection: ProjectionStage, _ plans: (Double) -> RankPlan, within bytes: Int
  ) throws(Fault) -> RankPlan? {
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
    if let best { session.log.note("rank \(best.summary) fits \(bytes) bytes") }
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
    guard case .budget(let bytes, _) = request.target, request.storage.isQuantised else {
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
    guard case .budget(let bytes, _) = request.target, size > bytes else { return }
    throw Fault(
      .badData, "JOB-BUDGET", "the artifact has \(size) bytes, the budget is \(bytes)",
      path: request.adapterPath)
  }

  func noRankFits(_ bytes: Int) -> Fault {
    Fault(.badData, "JOB-BUDGET", "no rank fits \(bytes) bytes", path: request.adapterPath)
  }
}
