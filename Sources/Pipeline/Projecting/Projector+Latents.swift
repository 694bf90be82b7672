import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import LinearAlgebra
import Models
import Projection
import Recipes
import Sessions
import Tensors
import Threads
import Training

/// What becomes of latents once they are there: rounded, scaled, weighed, in other coordinates.
extension Projector {
  /// The latents rounded for `storage` with each number's error made up for by the next, where curvature says how.
  func rounded(
    _ projected: ProjectedAdapter, storage: LatentStorage
  ) throws(Fault) -> [Matrix<Float>] {
    let (latents, rows) = (projected.latents, curvature)
    return try parallelMap(latents.count, threads: session.threads) {
      (index) throws(Fault) -> Matrix<Float> in
      // The rows of a residual are not rounded to the storage.
      guard projected.residuals[index] == nil,
        let curvature = try rows?.curvature(of: projected.modules[index])
      else { return latents[index] }
      return try Projector.rounded(
        latents[index], basis: try projected.bases[index].whole(), curvature: curvature,
        storage: storage)
    }
  }

  /// One module's latent rounded for `storage` with each number's error made up for by the next.
  static func rounded(
    _ latent: Matrix<Float>, basis: ModuleBasis, curvature: Curvature, storage: LatentStorage
  ) throws(Fault) -> Matrix<Float> {
    try Projection.rounded(latent, basis: basis, curvature: curvature) {
      (column) throws(Fault) in try StoredLatent.rounding(of: column, storage: storage)
    }
  }

  /// The latents as they are where nothing tunes them: rounded with care where rounding costs something.
  func untuned(
    _ projected: ProjectedAdapter, storage: LatentStorage
  ) throws(Fault) -> [Matrix<Float>] {
    storage.isCoarse ? try rounded(projected, storage: storage) : projected.latents
  }

  private var updatesByName: [String: LowRankUpdate] {
    var updates: [String: LowRankUpdate] = [:]
    for update in source.updates { updates[update.moduleName] = update }
    return updates
  }

  /// The mean share of the adapter's energy, weighted where there is curvature, that latents lack as they are stored.
  func missingEnergy(
    _ projected: ProjectedAdapter, storage: LatentStorage
  ) throws(Fault) -> Double {
    let (latents, rows, known) = (
      try untuned(projected, storage: storage), curvature, updatesByName
    )
    let captured = try parallelMap(latents.count, threads: session.threads) {
      (index) throws(Fault) -> Double in
      let (module, latent) = (projected.modules[index], latents[index])
      guard let update = known[module.name] else { return 0 }
      let stored = try LatentRounding(storage: storage).roundTrip(
        index, latent, residual: projected.residuals[index])
      let energy = try Projection.capturedEnergy(
        of: stored.converted(), update: update, basis: try projected.bases[index].whole(),
        curvature: try rows?.curvature(of: module))
      return energy.weighted ?? energy.plain ?? 1
    }
    return Projection.missingEnergy(captured: captured, of: source.modules.count)
  }

  /// The same directions with `multiple` times the latents, whose energies are other ones.
  func scaled(
    _ projected: ProjectedAdapter, by multiple: Double
  ) throws(Fault) -> ProjectedAdapter {
    let (rows, known) = (curvature, updatesByName)
    let projections = try parallelMap(projected.modules.count, threads: session.threads) {
      (index) throws(Fault) -> ProjectedModule in
      let (module, fitted) = (projected.modules[index], projected.projections[index])
      let latent = Matrix(
        rows: fitted.latent.rows, columns: fitted.latent.columns,
        elements: fitted.latent.elements.map { $0 * multiple })
      let energy = try known[module.name].map { (update) throws(Fault) in
        try Projection.capturedEnergy(
          of: latent, update: update, basis: try projected.bases[index].whole(),
          curvature: try rows?.curvature(of: module))
      }
      return ProjectedModule(
        moduleName: fitted.moduleName, selection: fitted.selection, latent: latent,
        heldEnergy: fitted.heldEnergy, capturedEnergy: energy?.plain,
        weightedCapturedEnergy: energy?.weighted)
    }
    return ProjectedAdapter(
      modules: projected.modules, bases: projected.bases, projections: projections,
      residuals: projected.residuals)
  }

  /// The whitening coordinates of each module.
  func coordinates(_ projected: ProjectedAdapter) throws(Fault) -> [ModuleCoordinates] {
    let rows = curvature
    return try parallelMap(projected.bases.count, threads: session.threads) {
      (index) throws(Fault) -> ModuleCoordinates in
      let factors = try WhiteningFactors(
        basis: try projected.bases[index].whole(),
        curvature: try rows?.curvature(of: projected.modules[index]) ?? Curvature())
      return ModuleCoordinates(
        left: factors.output, right: factors.input,
        leftInverse: try Projector.inverse(factors.output),
        rightInverse: try Projector.inverse(factors.input))
    }
  }

  /// The inverse of a symmetric positive definite matrix.
  private static func inverse(_ matrix: Matrix<Double>) throws(Fault) -> Matrix<Double> {
    try Cholesky(matrix).solving(.identity(matrix.rows))
  }
}
