public import Bases
public import Faults
import Tensors

/// Directions and first latents where there is no update yet, and training is to make one.
///
/// The gradient of a latent number is `∂L/∂M_ij = E[(u_iᵀg)(v_jᵀx)]` over inputs x and output gradients g. As if these were
/// independent its mean square is `g_i c_j` with `g_i = u_iᵀ G u_i` and `c_j = v_jᵀ C v_j`: how much the loss moves along i
/// and j.
extension Projection {
  /// Chooses the `rank.output` output directions of largest `g_i` and the `rank.input` input ones of largest `c_j`.
  ///
  /// - Returns: `.selected` with ascending indices and whole clusters; fewer than `rank` where clusters do not fit. `.none`
  ///   for rank 0.
  public static func select(
    directions: WeighedDirections, rank: LatentRank
  ) throws(Fault) -> BasisSelection {
    guard rank.output > 0, rank.input > 0, directions.count > 0 else { return .none }
    let (output, input) = (directions.output.weights, directions.input.weights)
    return try selection(clusters: directions.clusters) { excluded in
      SelectionProblem.Pair(
        output: output.largest(rank.output, excluding: excluded),
        input: input.largest(rank.input, excluding: excluded))
    }
  }

  /// `Σ g_i c_j` over the directions that ``select(directions:rank:)`` takes, by their numbers.
  ///
  /// With second moments per position of the data, those of different modules are in one unit.
  ///
  /// - Parameters:
  ///   - inputCounts: ascending.
  ///   - outputLimit: the largest number of output directions.
  public static func energies(
    directions: WeighedDirections, inputCounts: [Int], outputLimit: Int
  ) -> EnergyTable {
    /// What the first 1, 2, … of the largest come to.
    func sums(_ weights: [Double], _ count: Int) -> [Double] {
      var sum = 0.0
      return weights.sorted(by: >).prefix(count).map {
        sum += $0
        return sum
      }
    }
    let counts = inputCounts.filter { (1...max(directions.count, 1)).contains($0) }
    let outputs = sums(directions.output.weights, outputLimit)
    let inputs = sums(directions.input.weights, counts.last ?? 0)
    return EnergyTable(
      inputCounts: counts,
      energies: counts.map { count in
        inputs.indices.contains(count - 1) ? outputs.map { $0 * inputs[count - 1] } : []
      })
  }

  /// Standard deviation of first latents that are `normal`.
  public static let normalDeviation = 1e-5

  /// The latent that training starts from: zeros, or for `normal` independent N(0, σ²) numbers,
  /// σ = ``normalDeviation``.
  public static func start(
    in basis: ModuleBasis, method: ProjectionMethod, seed: UInt64, stream: UInt64
  ) -> ProjectedModule {
    let (rows, columns) = (basis.outputBasis.columns, basis.inputBasis.columns)
    var latent = Matrix<Double>(rows: rows, columns: columns)
    if method == .normal {
      var generator = SeededGenerator(seed: seed, stream: stream)
      latent.elements = generator.normals(rows * columns).map { $0 * normalDeviation }
    }
    return ProjectedModule(
      moduleName: basis.moduleName, selection: basis.selection, latent: latent, heldEnergy: nil,
      capturedEnergy: nil, weightedCapturedEnergy: nil)
  }
}

extension WeighedSide {
  /// `xᵀ S x` of every direction x.
  fileprivate var weights: [Double] { (0..<gram.rows).map { gram[$0, $0] } }
}
