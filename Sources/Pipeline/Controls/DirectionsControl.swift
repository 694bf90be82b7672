import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Foundation
import Recipes
import Sessions

/// Directions that nobody chose, in the shape of the result's, module by module: the first ones, which are the paper's, or
/// random ones.
///
/// They need no list, and what the result's list costs goes into more of them: all modules alike, and of fractions every
/// module gets its part in turn. A result without directions of the base lends no shape: then it is the one that
/// captures most in these bytes.
struct DirectionsControl: Control {
  let title: String
  let choice: Projector.Choice

  /// Rounds of making it larger until the bytes are filled.
  private static let rounds = 12

  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    let request = context.job.request
    var projector = context.projector
    var ranks = DirectionsControl.ranks(of: context)
    if ranks.allSatisfy({ $0 == 0 }) {
      projector = context.plainProjector
      let filling = context.filling
      let plan = try filling.plan(
        projector, filling.plans(try BudgetPlanner(projector)), within: context.bytes)
      ranks = context.source.modules.indices.map { plan?[$0] ?? 0 }
    }
    let plan = try filled(ranks, projector, context)
    let start = try projector.run(plan: plan, choice: choice, method: request.method)
    let tuned = try context.tuned(
      start, projector, name: title
    ) { $0.bytes = context.bytes }
    return [try context.variant(title, tuned, tuning: context.tuning)]
  }

  /// The result's ranks by the adapter's modules.
  private static func ranks(of context: ControlContext) -> [LatentRank] {
    let projected = context.result.projected
    var byName: [String: LatentRank] = [:]
    for basis in projected.bases {
      byName[basis.moduleName] = LatentRank(
        output: basis.selection.outputRank, input: basis.selection.inputRank)
    }
    return context.source.modules.map { byName[$0.name] ?? 0 }
  }

  /// The ranks times what fills the bytes, by drafts.
  private func filled(
    _ ranks: [LatentRank], _ projector: Projector, _ context: ControlContext
  ) throws(Fault) -> RankPlan {
    var (low, high) = (1.0, 2.0)
    for _ in 0..<DirectionsControl.rounds {
      let factor = (low + high) / 2
      let size = try context.job.assembler(context.storage).draftByteCount(
        larger(ranks, by: factor, context), directions: .random, residuals: projector.residuals,
        tuning: context.tuning)
      if size ?? 0 <= context.bytes { low = factor } else { high = factor }
    }
    return larger(ranks, by: low, context)
  }

  /// As many numbers times `factor` in every module: more output directions, and where there are no more, input ones.
  private func larger(
    _ ranks: [LatentRank], by factor: Double, _ context: ControlContext
  ) -> RankPlan {
    .perModule(
      zip(ranks, context.source.modules).enumerated().map { index, pair in
        let (rank, module) = pair
        guard rank != 0 else { return 0 }
        let limit = min(module.outFeatures, module.inFeatures)
        // Fractions in turn: multiples of the golden ratio are spread evenly.
        let share = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
        func whole(_ value: Double) -> Int { Int((value + share).rounded(.down)) }
        let output = min(whole(Double(rank.output) * factor), limit)
        let input = max(
          rank.input, whole(Double(rank.output * rank.input) * factor / Double(output)))
        return LatentRank(
          output: output, input: min(output == limit ? input : rank.input, limit))
      })
  }
}
