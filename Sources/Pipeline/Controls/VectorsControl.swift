import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Models
import Projection
import Recipes
import Sessions
import Tensors
import Training

/// LoRA or VeRA trained from nothing: what the result's bytes buy in vectors that no basis of the base stands behind.
///
/// In codes of eight, four and two bits, each in as many modules as its numbers have room for, and each trained for as many steps
/// as the result, the last of them on rounded numbers where it has coarse codes. Its rate is looked for, since one that suits latents
/// says nothing about it. Codes and scales are counted behind an artifact's coder, with a head that is carried, and without a
/// header, names or figures: the control is given the benefit.
struct VectorsControl: Control {
  let method: VectorMethod

  private static let storages: [LatentStorage] = [.int8, .int4, .int2]

  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    guard context.isTuned else { return [] }
    let carried = try context.job.assembler(context.storage).carried()
    let rest = carried.reduce(0) { $0 + $1.byteCount }
    var variants: [ControlVariant] = []
    for storage in VectorsControl.storages {
      let plan = try VectorPlan(
        method, storage, of: context.source.modules, within: context.bytes - rest,
        seed: context.job.request.seed)
      guard let plan else { continue }
      variants.append(try variant(plan, rest, context))
    }
    return variants
  }

  private func variant(
    _ plan: VectorPlan, _ rest: Int, _ context: ControlContext
  ) throws(Fault) -> ControlVariant {
    let training = plan.training
    let name =
      "\(method.title) of rank \(plan.rank) in \(plan.modules.count) of \(context.source.modules.count) modules, \(plan.storage.rawValue)"
    let tuned = try context.tuned(
      try start(plan, training), context.plainProjector, name: name, isScaled: true
    ) { run in
      run.factors = (training, method.startingRate)
      run.options.coordinates = .plain
      run.options.quantizedSteps = plan.storage.quantizedSteps(of: run.options.steps)
    }
    let stored = try plan.stored(tuned.factors, within: context.bytes - rest)
    let factors = training.factors(stored.map(\.matrix))
    let updates = plan.modules.enumerated().map { index, module in
      LowRankUpdate(
        moduleName: module.name, loraA: factors[2 * index + 1].transposed,
        loraB: factors[2 * index], scaling: 1)
    }
    return ControlVariant(
      name: name, bytes: try StoredLatent.compressedByteCount(of: stored) + rest,
      pool: DecoderPool(
        weights: try context.session(of: tuned).weights(),
        updates: MatchedAdapter.decoderUpdates(
          updates, modules: plan.modules, layerCount: context.session.base.configuration.layerCount),
        threads: context.session.threads))
  }

  /// No directions of the base, the first factors behind them, and the identity between these.
  private func start(
    _ plan: VectorPlan, _ training: FactorTraining
  ) throws(Fault) -> ProjectedAdapter {
    let factors = training.factors(training.values)
    let bases = plan.modules.enumerated().map { index, module in
      ModuleBasis(
        withoutDirections: module.name, outFeatures: module.outFeatures,
        inFeatures: module.inFeatures
      ).appending(output: factors[2 * index], input: factors[2 * index + 1])
    }
    return ProjectedAdapter(
      modules: plan.modules, bases: bases.map { ShelvedBasis($0) },
      projections: bases.map { basis in
        ProjectedModule(
          moduleName: basis.moduleName, selection: basis.selection, latent: .identity(plan.rank),
          heldEnergy: nil, capturedEnergy: nil, weightedCapturedEnergy: nil)
      }, residuals: bases.map { _ in nil })
  }
}
