import Adapters
public import Bases
public import Checkpoints
import Faults
import LinearAlgebra
import Models
import Progress
public import Projection
public import Tensors
import Training

/// The start of every module: its chosen directions, its bases and its first latent.
public struct ProjectedAdapter: Sendable {
  /// The modules, in model order.
  public let modules: [LinearModule]
  /// Their bases.
  public let bases: [ModuleBasis]
  /// Their latents and captured energies.
  public let projections: [ProjectedModule]

  /// The latents in Float32, `[outputRank, inputRank]` each.
  public var latents: [Matrix<Float>] { projections.map { $0.latent.converted() } }

  /// The largest numbers of directions in use.
  public var rank: LatentRank {
    LatentRank(
      output: bases.map { $0.selection.outputRank }.max() ?? 0,
      input: bases.map { $0.selection.inputRank }.max() ?? 0)
  }
}

/// Chooses directions and sets latents, one module at a time, from bases already prepared.
struct ProjectionStage {
  let session: BaseSession
  let adapter: MatchedAdapter
  /// Curvature from calibration, if there was one.
  let curvature: CurvatureAccumulator?
  let candidates: Int?
  let seed: UInt64

  /// How directions are chosen.
  enum Choice: Sendable {
    case selected, top, random, own
  }

  /// Directions and latents at `rank`; ranks above a module's smaller side are clipped.
  ///
  /// Only chosen directions can differ in number; the others take the square rank of as many numbers.
  func run(
    rank: LatentRank, choice: Choice, method: ProjectionMethod
  ) throws(Fault) -> ProjectedAdapter {
    let (store, modules, updates) = (session.bases, adapter.modules, adapter.updates)
    let (candidates, seed) = (self.candidates, self.seed)
    let curvatures = modules.map(moduleCurvature)
    let task = session.log.task("project", total: modules.count, unit: "modules")
    let results = try parallelMap(modules.count, threads: session.threads) {
      (index) throws(Fault) -> (ModuleBasis, ProjectedModule) in
      let module = modules[index]
      let limit = rank.clipped(outFeatures: module.outFeatures, inFeatures: module.inFeatures)
      let moduleBasis: ModuleBasis
      switch choice {
      case .selected:
        let basis = try store.basis(of: module, leading: candidates)
        moduleBasis = try basis.moduleBasis(
          for: try Projection.select(
            update: updates[index], basis: basis, curvature: curvatures[index], rank: limit,
            candidates: candidates))
      case .top:
        moduleBasis = try store.topBasis(of: module, rank: limit.square, omegaSeed: seed)
      case .own:
        moduleBasis = try ModuleBasis(
          ownFor: module.name, down: updates[index].loraA, up: updates[index].loraB)
      case .random:
        moduleBasis = try store.moduleBasis(
          of: module, for: .random(rank: limit.square, seed: seed))
      }
      let projection = try Projection.fit(
        update: updates[index], basis: moduleBasis, curvature: curvatures[index], method: method)
      task.advance()
      return (moduleBasis, projection)
    }
    task.finish()
    return ProjectedAdapter(
      modules: modules, bases: results.map(\.0), projections: results.map(\.1))
  }

  /// The whitening coordinates of each module.
  func coordinates(_ projected: ProjectedAdapter) throws(Fault) -> [ModuleCoordinates] {
    let curvatures = adapter.modules.map(moduleCurvature)
    return try parallelMap(projected.bases.count, threads: session.threads) {
      (index) throws(Fault) -> ModuleCoordinates in
      let factors = try WhiteningFactors(
        basis: projected.bases[index], curvature: curvatures[index] ?? Curvature())
      return ModuleCoordinates(
        left: factors.output, right: factors.input,
        leftInverse: try ProjectionStage.inverse(factors.output),
        rightInverse: try ProjectionStage.inverse(factors.input))
    }
  }

  /// The inverse of a symmetric positive definite matrix.
  private static func inverse(_ matrix: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    try Cholesky(matrix).solving(.identity(matrix.rows))
  }

  private func moduleCurvature(_ module: LinearModule) -> Curvature? {
    curvature.map {
      Curvature(
        inputCovariance: $0.inputCovariance(module), outputCovariance: $0.outputCovariance(module))
    }
  }
}

extension ProjectedModule {
  /// The same directions with a latent of zeros.
  var zeroed: ProjectedModule {
    ProjectedModule(
      moduleName: moduleName, selection: selection,
      latent: Matrix(rows: latent.rows, columns: latent.columns), heldEnergy: heldEnergy,
      capturedEnergy: 0, weightedCapturedEnergy: weightedCapturedEnergy.map { _ in 0 })
  }
}

extension JobRequest.Directions {
  /// The same choice for the stage.
  var choice: ProjectionStage.Choice {
    switch self {
    case .selected: .selected
    case .top: .top
    case .own: .own
    }
  }
}
