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

/// The LoRA as sparse values of few levels: what ComPEFT makes of the same bytes with signs, and more levels beside it.
///
/// Of the factors as shipped or of those balanced by SVD, in one level of magnitude, three or seven, whichever comes nearest
/// to ΔW. Positions are counted in the Golomb-Rice code of the best parameter and magnitudes at their entropy, which no
/// coder of bytes reaches, and scales with two bytes each, with no header: the control is given the benefit. One multiple
/// of the least-squares scales is chosen on dev rows; one variant more has a scale for every pair of vectors, distilled.
struct TernaryControl: Control {
  private static let levels = [1, 3, 7]

  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    // A scale of two bytes a factor.
    let cut = try nearest(context) { _ in 4 }
    let multiple = try context.best(ControlContext.multiples) { (multiple) throws(Fault) in
      try pool(cut.updates.map { SparseTernary.scaled($0, by: multiple) }, context)
    }
    let scale = multiple == 1 ? "" : ", scales times \(multiple)"
    var variants = [
      ControlVariant(
        name: name(cut) + scale, bytes: cut.bytes,
        pool: try pool(cut.updates.map { SparseTernary.scaled($0, by: multiple) }, context))
    ]
    if context.isTuned {
      // A scale of two bytes for every pair of vectors.
      let cut = try nearest(context) { 2 * $0 }
      variants.append(try distilled(cut, context))
    }
    return variants
  }

  private func name(_ cut: SparseTernaryCut) -> String {
    let density = (cut.density * 10_000).rounded() / 100
    let values = cut.levels == 1 ? "signs" : "values of \(cut.levels) levels"
    return "LoRA as sparse \(values), density \(density)%"
  }

  // MARK: - Cuts

  /// The cut that comes nearest to ΔW.
  ///
  /// - Parameter scaleBytes: what a module's scales take, by its rank.
  private func nearest(
    _ context: ControlContext, scaleBytes: (Int) -> Int
  ) throws(Fault) -> SparseTernaryCut {
    let updates = context.source.updates
    let balanced = try parallelMap(updates.count, threads: context.session.threads) {
      (index) throws(Fault) in
      try Projection.truncated(updates[index], rank: updates[index].rank)
    }
    guard
      let cut = SparseTernaryCut.nearest(
        [updates, balanced], levels: TernaryControl.levels, within: context.bytes,
        scaleBytes: scaleBytes)
    else { throw Fault(.internalError, "CTRL-CUT", "no cut was made") }
    return cut
  }

  // MARK: - Models

  private func pool(
    _ updates: [LowRankUpdate], _ context: ControlContext
  ) throws(Fault) -> DecoderPool {
    DecoderPool(
      weights: try context.session.weights(),
      updates: MatchedAdapter.decoderUpdates(
        updates, modules: context.source.modules,
        layerCount: context.session.base.configuration.layerCount),
      threads: context.session.threads)
  }

  /// The same values with a scale for every pair of columns, trained like the result's numbers.
  private func distilled(_ cut: SparseTernaryCut, _ context: ControlContext) throws(Fault)
    -> ControlVariant
  {
    var (bases, projections): ([ModuleBasis], [ProjectedModule]) = ([], [])
    for update in cut.updates {
      let (output, outputNorms) = update.loraB.normalisedColumns
      let (input, inputNorms) = update.loraA.transposed.normalisedColumns
      let rank = output.columns
      var latent = Matrix<Double>(rows: rank, columns: rank)
      for column in 0..<rank {
        latent[column, column] = update.scaling * outputNorms[column] * inputNorms[column]
      }
      let basis = ModuleBasis(
        moduleName: update.moduleName, outputBasis: output, inputBasis: input,
        outputSingularValues: [], inputSingularValues: [], selection: .own(rank: rank))
      bases.append(basis)
      projections.append(
        ProjectedModule(
          moduleName: update.moduleName, selection: basis.selection, latent: latent,
          heldEnergy: nil, capturedEnergy: nil, weightedCapturedEnergy: nil))
    }
    let start = ProjectedAdapter(
      modules: context.source.modules, bases: bases.map { ShelvedBasis($0) },
      projections: projections, residuals: bases.map { _ in nil })
    let name = "\(name(cut)), scales distilled"
    let tuned = try context.tuned(
      start, context.plainProjector, name: name, storage: .f16
    ) {
      $0.keepsDiagonal = true
      $0.options.quantizedSteps = 0
      $0.options.coordinates = .plain
    }
    return ControlVariant(
      name: name, bytes: cut.bytes,
      pool: try tuned.projected.student(
        context.session, latents: tuned.latents, storage: .f16
      ).pool)
  }
}
