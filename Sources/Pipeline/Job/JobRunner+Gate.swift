import Adapters
import Bases
import Faults
import Foundation
import Progress
import Projection
import Recipes
import Reports
import Training

/// How a floor on retained gain becomes a rank or a part of a budget.
extension JobRunner {
  /// The code of the fault by which a job is rejected rather than failed.
  package static let rejection = "JOB-RETAINED"

  /// Square rank beyond which a floor on retained gain is given up.
  private static let largestTriedRank = 64

  /// Parts of a budget that are tried, the smallest first.
  private static let budgetDivisors = [8, 4, 2, 1]

  /// A size that is tried until enough of the gain is retained.
  private struct TriedSize {
    let name: String
    let plan: RankPlan
    /// What the artifact may have; nil for any size.
    var bytes: Int?
    /// Ends the name of its checkpoint.
    let key: String
  }

  /// Raises the rank until the artifact retains `share`.
  func smallestRank(
    _ projection: ProjectionStage, _ data: TuningData?, share: Double, startingRank: LatentRank
  ) throws(Fault) -> Outcome {
    var sizes = [startingRank]
    while let next = sizes.last?.raised, next.square <= JobRunner.largestTriedRank {
      sizes.append(next)
    }
    return try smallest(
      sizes.map { TriedSize(name: "rank \($0)", plan: .uniform($0), key: "\($0)") }, projection,
      data, share: share)
  }

  /// Spends larger parts of `budget` bytes until the artifact retains `share`.
  func smallestPart(
    _ projection: ProjectionStage, _ data: TuningData?, share: Double, of budget: Int
  ) throws(Fault) -> Outcome {
    let plans = try plans(projection)
    var sizes: [TriedSize] = []
    for bytes in JobRunner.budgetDivisors.map({ budget / $0 }) {
      guard let plan = try plan(projection, plans, data, within: bytes) else { continue }
      sizes.append(
        TriedSize(name: "\(bytes) bytes", plan: plan, bytes: bytes, key: "\(bytes)"))
    }
    guard !sizes.isEmpty else { throw noRankFits(budget) }
    return try smallest(sizes, projection, data, share: share)
  }

  /// The first of `sizes` whose artifact retains `share` on the rows held out for that.
  private func smallest(
    _ sizes: [TriedSize], _ projection: ProjectionStage, _ data: TuningData?, share: Double
  ) throws(Fault) -> Outcome {
    let gatekeeper = try RetentionGate(
      session: session, examples: gateExamples, teacher: try teacher(),
      adapterPath: request.adapterPath, seed: request.seed)
    for (index, size) in sizes.enumerated() {
      var outcome = try convert(
        projection, data, plan: size.plan, checkpointSuffix: ".\(size.key)", within: size.bytes)
      let artifact = try assembleWithinBudget(&outcome, bytes: size.bytes)
      var found = try gatekeeper.judge(
        artifact, asked: share, size: size.name, tried: index + 1)
      session.log.note("retained gain \(found.sentence)")
      if found.passes {
        gate = found
        outcome.judged = artifact
        return outcome
      }
      // The one that came nearest, of all that were tried.
      if let gate, gate.interval95.lowerBound >= found.interval95.lowerBound { found = gate }
      found.tried = index + 1
      gate = found
    }
    guard let gate else { throw noRankFits(0) }
    throw Fault(
      .badData, JobRunner.rejection,
      "retained gain \(gate.sentence): the lower end must reach \(String(format: "%.3f", share))",
      path: request.adapterPath)
  }
}
