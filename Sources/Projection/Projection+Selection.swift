public import Adapters
public import Bases
public import Faults
import LinearAlgebra
import Tensors

extension Projection {
  /// Chooses `rank.output` output and `rank.input` input directions for `update`.
  ///
  /// The aim is the weighted energy the fit captures,
  /// `f(I, J) = tr[(UᵀGU)_II⁻¹ N_IJ (VᵀCV)_JJ⁻¹ N_IJᵀ]` with `N = UᵀGΔW C V`; without curvature
  /// that is the plain energy `Σ M_ij²` over the chosen rows and columns.
  ///
  /// - Parameters:
  ///   - rank: directions a side, clipped to the candidates.
  ///   - candidates: only the first this many directions are considered; nil for all.
  ///   - ridge: relative to each moment's mean diagonal, as in `fit`.
  /// - Returns: `.selected` with ascending indices and whole clusters; fewer than `rank` where
  ///   clusters do not fit. `.none` for rank 0.
  /// - Throws: `PROJ-SHAPE` where update, basis and curvature disagree.
  public static func select(
    update: LowRankUpdate, basis: SingularBasis, curvature: Curvature?, rank: LatentRank,
    candidates: Int? = nil, search: DirectionSearch = .exchange,
    ridge: Double = Projection.defaultRidge
  ) throws(Fault) -> BasisSelection {
    guard let curvature, curvature.input != nil || curvature.output != nil
    else {
      return try select(
        update: update, directions: basis.directionRows, rank: rank, candidates: candidates)
    }
    try checkShapes(
      update, outFeatures: basis.outFeatures, inFeatures: basis.inFeatures, curvature)
    return try select(
      update: update,
      directions: try WeighedDirections(
        basis.directionRows, curvature: curvature, candidates: candidates, ridge: ridge),
      rank: rank,
      search: search)
  }

  /// The same among directions that are weighed already, for many updates of one module.
  ///
  /// - Throws: `PROJ-SHAPE` where update and directions disagree.
  public static func select(
    update: LowRankUpdate, directions: WeighedDirections, rank: LatentRank,
    search: DirectionSearch = .exchange
  ) throws(Fault) -> BasisSelection {
    try choose(update: update, directions: directions, rank: rank, search: search).selection
  }

  /// The same, with what the choice computed of the equations that a fit in these directions solves.
  ///
  /// - Throws: `PROJ-SHAPE` where update and directions disagree.
  public static func choose(
    update: LowRankUpdate, directions: WeighedDirections, rank: LatentRank,
    search: DirectionSearch = .exchange
  ) throws(Fault) -> WeighedChoice {
    try checkShapes(
      update, outFeatures: directions.outFeatures, inFeatures: directions.inFeatures, nil)
    guard rank.output > 0, rank.input > 0, directions.count > 0 else { return WeighedChoice() }
    let problem = SelectionProblem(update: update, directions: directions)
    do throws(Fault) {
      let selection = try selection(clusters: directions.clusters) { (excluded) throws(Fault) in
        try problem.choose(rank: rank, search: search, excluding: excluded)
      }
      guard case .selected(let output, let input) = selection else { return WeighedChoice() }
      let products = problem.products(SelectionProblem.Pair(output: output, input: input))
      return WeighedChoice(
        selection: selection, output: products.output, input: products.input)
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }

  /// Chooses directions for `update` by the plain energy that they capture, `Σ M_ij²`; as
  /// ``select(update:basis:curvature:rank:candidates:search:ridge:)`` does without curvature, to the bit.
  ///
  /// - Throws: `PROJ-SHAPE` where update and directions disagree.
  public static func select(
    update: LowRankUpdate, directions: DirectionRows, rank: LatentRank, candidates: Int? = nil
  ) throws(Fault) -> BasisSelection {
    try checkShapes(
      update, outFeatures: directions.outFeatures, inFeatures: directions.inFeatures, nil)
    let limit = min(candidates ?? directions.count, directions.count)
    guard rank.output > 0, rank.input > 0, limit > 0 else { return .none }
    let problem = PlainSelection(
      update: update, directions: directions, candidates: directions.admissibleRank(limit))
    return try selection(clusters: directions.clusters) { (excluded) throws(Fault) in
      problem.choose(rank: rank, excluding: excluded)
    }
  }

  /// What `choose` chooses, with all of a cluster or none of it.
  static func selection(
    clusters: [Range<Int>], _ choose: (Set<Int>) throws(Fault) -> SelectionProblem.Pair
  ) throws(Fault) -> BasisSelection {
    var excluded: Set<Int> = []
    while true {
      let pair = try choose(excluded)
      let split = clusters.filter { cluster in
        [pair.output, pair.input].contains { side in
          let taken = side.count(where: cluster.contains)
          return taken > 0 && taken < cluster.count
        }
      }
      if split.isEmpty { return .selected(output: pair.output, input: pair.input) }
      // What was chosen in part is left out.
      for cluster in split { excluded.formUnion(cluster) }
    }
  }
}
