import Artifacts
public import Bases
public import Checkpoints
import Faults
public import Projection
import Sessions
public import Tensors
import Training

/// The start of every module that gets one: its chosen directions, its bases and its first latent.
public struct ProjectedAdapter: Sendable {
  /// The modules, in model order; an adapter's modules of rank 0 are not among them.
  public let modules: [LinearModule]
  /// Their bases.
  public let bases: [ShelvedBasis]
  /// Their latents and captured energies.
  public let projections: [ProjectedModule]
  /// The pairs that are the last columns of a basis; nil where it has none.
  public let residuals: [ResidualPairs?]

  /// The latents in Float32, `[outputRank, inputRank]` each.
  public var latents: [Matrix<Float>] { projections.map { $0.latent.converted() } }

  /// The same with other codes of the residual's vectors, output then input ones of every module that has them; as it
  /// is for none.
  func replacingResiduals(_ codes: [CodedColumns]) throws(Fault) -> ProjectedAdapter {
    guard !codes.isEmpty else { return self }
    var (bases, residuals) = (self.bases, self.residuals)
    var next = 0
    for index in residuals.indices where residuals[index] != nil {
      let pairs = ResidualPairs(output: codes[next], input: codes[next + 1])
      next += 2
      residuals[index] = pairs
      bases[index] = try bases[index].replacingResidual(
        output: pairs.output.matrix, input: pairs.input.matrix)
    }
    return ProjectedAdapter(
      modules: modules, bases: bases, projections: projections, residuals: residuals)
  }

  /// A model with `latents` in its directions.
  func student(
    _ session: BaseSession, latents: [Matrix<Float>]
  ) throws(Fault) -> StudentModel {
    try StudentModel(
      weights: try session.weights(), modules: modules, bases: bases, latents: latents,
      threads: session.threads)
  }

  /// A model with `latents` as a loader sees them.
  func student(
    _ session: BaseSession, latents: [Matrix<Float>], storage: LatentStorage,
    coarsening: Coarsening = .none
  ) throws(Fault) -> StudentModel {
    let rounding = LatentRounding(storage: storage, coarsening: coarsening)
    return try student(
      session,
      latents: try latents.indices.map { (index) throws(Fault) in
        try rounding.roundTrip(index, latents[index], residual: residuals[index])
      })
  }

  /// What the artifact is called: a residual is always named.
  var form: String { ProjectedAdapter.form(of: residuals) }

  /// Whether any module has a residual.
  var hasResidual: Bool { residuals.contains { $0 != nil } }

  static func form(of residuals: [ResidualPairs?]) -> String {
    let counts = residuals.map { $0?.count ?? 0 }
    guard let most = counts.max(), most > 0 else { return "LoRA-XS" }
    let total = counts.reduce(0, +)
    return "LoRA-XS + residual (\(total) pairs, up to \(most) a module)"
  }

  /// The largest numbers of directions in use.
  public var rank: LatentRank {
    LatentRank(
      output: bases.map { $0.selection.outputRank }.max() ?? 0,
      input: bases.map { $0.selection.inputRank }.max() ?? 0)
  }
}

extension ProjectedAdapter {
  /// The rank for people: `32x8`, or how much ranks differ among `moduleCount` modules of the adapter.
  func rankSummary(of moduleCount: Int) -> String {
    let ranks = bases.map {
      LatentRank(output: $0.selection.outputRank, input: $0.selection.inputRank)
    }
    let missing = [LatentRank](repeating: 0, count: max(moduleCount - ranks.count, 0))
    let plan =
      missing.isEmpty && Set(ranks).count == 1
      ? RankPlan.uniform(rank) : .perModule(ranks + missing)
    return plan.summary
  }
}

extension ProjectedModule {
  /// The same directions with a latent of zeros.
  var zeroed: ProjectedModule {
    ProjectedModule(
      moduleName: moduleName, selection: selection,
      latent: Matrix(rows: latent.rows, columns: latent.columns), heldEnergy: heldEnergy,
      capturedEnergy: capturedEnergy.map { _ in 0 },
      weightedCapturedEnergy: weightedCapturedEnergy.map { _ in 0 })
  }
}
