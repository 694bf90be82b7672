import Checkpoints
import Faults
import LinearAlgebra
import Progress
import Projection
import Recipes
import Tensors

/// Chooses how many pairs of the LoRA each module keeps beside its latent, and rounds them.
struct ResidualStage {
  let projection: ProjectionStage
  let request: JobRequest.Residual

  /// Pairs of a module that an artifact can name.
  private static let limit = 255

  /// The pairs of every module, nil where it keeps none.
  ///
  /// By number every module keeps as many; by bytes those are kept, and those most finely, that hold most
  /// curvature-weighted energy.
  func run() throws(Fault) -> [ResidualPairs?] {
    let (modules, updates) = (projection.adapter.modules, projection.adapter.updates)
    let sums = projection.curvature
    let threads = projection.session.threads
    let task = projection.session.log.task("residual", total: modules.count, unit: "modules")
    let pairs = try parallelMap(modules.count, threads: threads) {
      (index) throws(Fault) -> WeightedPairs in
      try WeightedPairs(of: updates[index], curvature: sums?.curvature(of: modules[index]))
    }
    let energies = pairs.map { $0.values.prefix(ResidualStage.limit).map { $0 * $0 } }
    let plan =
      switch request.size {
      case .pairs(let count):
        PairPlan(
          count: count, of: energies.map(\.count), largestCode: request.bits.largestCode)
      case .bytes(let bytes):
        PairPlan(
          energies: energies, features: modules.map { $0.outFeatures + $0.inFeatures },
          bytes: bytes, limit: request.bits.largestCode)
      }
    let results = try parallelMap(modules.count, threads: threads) {
      (index) throws(Fault) -> ResidualPairs? in
      defer { task.advance() }
      guard !plan.largestCodes[index].isEmpty else { return nil }
      return try Projection.residual(
        of: updates[index], pairs: pairs[index], largestCodes: plan.largestCodes[index],
        curvature: sums?.curvature(of: modules[index]))
    }
    task.finish()
    return results
  }
}
