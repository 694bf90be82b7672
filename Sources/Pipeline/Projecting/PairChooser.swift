import Checkpoints
import Faults
import LinearAlgebra
import Progress
import Projection
import Recipes
import Sessions
import Tensors
import Threads

/// Chooses how many pairs of the LoRA each module keeps beside its latent, and rounds them.
struct PairChooser {
  private let projection: Projector
  private let pairs: [WeightedPairs]

  /// Pairs of a module that an artifact can name.
  private static let limit = 255

  /// Decomposes every update, weighed by the projection's curvature.
  init(_ projection: Projector) throws(Fault) {
    self.projection = projection
    let (modules, updates, rows) = (
      projection.source.modules, projection.source.updates, projection.curvature
    )
    pairs = try parallelMap(updates.count, threads: projection.session.threads) {
      (index) throws(Fault) -> WeightedPairs in
      try WeightedPairs(of: updates[index], curvature: try rows?.curvature(of: modules[index]))
    }
  }

  /// Which pairs `request` keeps.
  ///
  /// By number every module keeps as many; by bytes those are kept, and those most finely, that hold most
  /// curvature-weighted energy.
  func plan(_ request: JobRequest.Residual) -> PairPlan {
    let modules = projection.source.modules
    let energies = pairs.map { $0.values.prefix(PairChooser.limit).map { $0 * $0 } }
    switch request.size {
    case .pairs(let count):
      return PairPlan(
        count: count, of: energies.map(\.count), largestCode: request.bits.largestCode)
    case .bytes(let bytes):
      return PairPlan(
        energies: energies, features: modules.map { $0.outFeatures + $0.inFeatures }, bytes: bytes,
        limit: request.bits.largestCode)
    }
  }

  /// The pairs of every module in codes, nil where it keeps none.
  func residuals(_ plan: PairPlan) throws(Fault) -> [ResidualPairs?] {
    let (modules, updates, rows) = (
      projection.source.modules, projection.source.updates, projection.curvature
    )
    let pairs = pairs
    let task = projection.session.log.task("residual", total: modules.count, unit: "modules")
    let results = try parallelMap(modules.count, threads: projection.session.threads) {
      (index) throws(Fault) -> ResidualPairs? in
      defer { task.advance() }
      guard !plan.largestCodes[index].isEmpty else { return nil }
      return try Projection.residual(
        of: updates[index], pairs: pairs[index], largestCodes: plan.largestCodes[index],
        curvature: try rows?.curvature(of: modules[index]))
    }
    task.finish()
    return results
  }
}
