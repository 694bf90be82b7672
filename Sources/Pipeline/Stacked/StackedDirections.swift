import Adapters
import Bases
import Checkpoints
import Faults
import Projection
import Recipes

extension StackedConversion {
  /// The directions of a module for all jobs of a group, in the form in which their choice is cheapest: each job gets what a
  /// conversion alone chooses.
  enum Directions {
    /// The first ones, which the store remembers.
    case top(BasisStore)
    /// In Float32: nothing weighs errors.
    case plain(DirectionRows)
    /// Under second moments, with what depends on these alone computed already.
    case weighed(DirectionRows, WeighedDirections)

    init(
      of module: LinearModule, _ request: JobRequest, _ curvature: Curvature?,
      shelf: DirectionShelf, store: BasisStore
    ) throws(Fault) {
      guard request.directions == .selected else {
        self = .top(store)
        return
      }
      let leading = request.leadingDirections(of: module)
      guard let curvature, curvature.input != nil || curvature.output != nil else {
        self = .plain(try shelf.rows(of: module, leading: leading))
        return
      }
      let rows = try shelf.rows(of: module, leading: leading)
      self = .weighed(
        rows, try WeighedDirections(rows, curvature: curvature, candidates: leading))
    }

    /// What a job chooses of them, and what a fit in it need not compute again.
    func basis(
      of module: LinearModule, update: LowRankUpdate, request: JobRequest
    ) throws(Fault) -> (ModuleBasis, WeighedChoice?) {
      guard case .rank(let rank) = request.target else {
        throw Fault(.internalError, "JOB-STACKED", "only ranks can be stacked")
      }
      let limit = rank.clipped(outFeatures: module.outFeatures, inFeatures: module.inFeatures)
      switch self {
      case .top(let store):
        return (try store.topBasis(of: module, rank: limit.square, omegaSeed: request.seed), nil)
      case .plain(let rows):
        let choice = try Projection.select(
          update: update, directions: rows, rank: limit,
          candidates: request.leadingDirections(of: module))
        let (output, input) = choice.indices
        return (try rows.moduleBasis(output: output, input: input), nil)
      case .weighed(let rows, let directions):
        let choice = try Projection.choose(update: update, directions: directions, rank: limit)
        let (output, input) = choice.selection.indices
        return (try rows.moduleBasis(output: output, input: input), choice)
      }
    }
  }
}
