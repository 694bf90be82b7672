public import Adapters
public import Bases
public import Faults
import LinearAlgebra
import Tensors

extension Projection {
  /// What a module's directions capture of its update, by their numbers: what a budget is divided by.
  public struct EnergyTable: Sendable {
    /// Numbers of input directions, ascending.
    public let inputCounts: [Int]
    /// `energies[k][a − 1]`: the weighted energy that `a` output directions capture beside `inputCounts[k]` input ones.
    public let energies: [[Double]]
  }

  /// The weighted energy `f(I, J)` of ``select(update:basis:curvature:rank:candidates:search:ridge:)`` for directions
  /// chosen greedily, one side after the other: a prediction, some percent below what the search itself finds.
  ///
  /// With second moments per position of the data, energies of different modules are in one unit: twice the loss that
  /// is expected to be won.
  ///
  /// - Parameters:
  ///   - inputCounts: ascending.
  ///   - outputLimit: the largest number of output directions.
  ///   - candidates: only the first this many directions are considered; nil for all.
  /// - Throws: `PROJ-SHAPE` where update, basis and curvature disagree.
  public static func energies(
    update: LowRankUpdate, basis: SingularBasis, curvature: Curvature?, inputCounts: [Int],
    outputLimit: Int = .max, candidates: Int? = nil, ridge: Double = Projection.defaultRidge
  ) throws(Fault) -> EnergyTable {
    try checkShapes(
      update, outFeatures: basis.outFeatures, inFeatures: basis.inFeatures, curvature)
    let directions = try WeighedDirections(
      basis.directionRows, curvature: curvature, candidates: candidates, ridge: ridge)
    let problem = SelectionProblem(update: update, directions: directions)
    // A weight of zeros has none.
    let counts = inputCounts.filter { $0 >= 1 && $0 <= directions.count }
    do throws(Fault) {
      return EnergyTable(
        inputCounts: counts,
        energies: try problem.energies(
          inputCounts: counts, outputLimit: min(outputLimit, directions.count)))
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }
}
