public import Bases
public import Checkpoints
public import LinearAlgebra
public import Models
public import Tensors

/// A model whose linear modules carry LoRA-XS updates `U · M · Vᵀ` with trainable latents M.
public final class StudentModel {
  /// The decoders with the updates in force, one a thread, in Float32.
  public let pool: DecoderPool
  /// The decoders that gradients come from; they share the latents.
  public let trainingPool: DecoderPool
  /// The adapted modules, in model order; latents and gradients come in this order.
  public let modules: [LinearModule]
  /// Whether columns of factors have gradients too.
  let trainsVectors: Bool
  private let updates: UpdateSet
  private let bases: [ModuleBasis]

  /// A student over frozen `weights`; `bases` and `latents` belong to `modules`, which must be in model order.
  public init(
    weights: DecoderWeights, modules: [LinearModule], bases: [ModuleBasis],
    latents: [Matrix<Float>], threads: Int, trainingPrecision: ProductPrecision = .float32,
    recomputes: Bool = false, trainsResidual: Bool = false
  ) {
    precondition(modules.count == bases.count && modules.count == latents.count)
    var updates = UpdateSet(layerCount: weights.configuration.layerCount)
    for (module, (basis, latent)) in zip(modules, zip(bases, latents)) {
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: basis.inputBasis, core: latent, outputFactor: basis.outputBasis,
        trainedColumns: trainsResidual ? basis.residualCount : 0)
    }
    self.bases = bases
    self.modules = modules
    trainsVectors = trainsResidual
    self.updates = updates
    pool = DecoderPool(weights: weights, updates: updates, threads: threads)
    trainingPool =
      trainingPrecision == .float32 && !recomputes
      ? pool
      : DecoderPool(
        weights: weights, updates: updates, threads: threads, precision: trainingPrecision,
        recomputes: recomputes)
  }

  /// A decoder like the pool's, for checks of a single pass.
  public private(set) lazy var decoder = Decoder(
    weights: pool.weights, updates: updates, threads: pool.threads)

  /// The output head.
  public var head: OutputHead { decoder.head }

  /// Puts the vectors of a module's residual in place, `[outFeatures, count]` and `[inFeatures, count]`.
  func setResidual(_ index: Int, output: Matrix<Float>, input: Matrix<Float>) {
    let own = bases[index].ownDirections
    updates[modules[index].layer, modules[index].kind]?.setFactors(
      input: own.input.appending(columns: input), output: own.output.appending(columns: output))
  }

  /// The latents M `[outputRank, inputRank]`, one per module.
  public var latents: [Matrix<Float>] {
    get {
      modules.compactMap { updates[$0.layer, $0.kind]?.coreMatrix }
    }
    set {
      precondition(newValue.count == modules.count)
      for (module, latent) in zip(modules, newValue) {
        updates[module.layer, module.kind]?.coreMatrix = latent
      }
    }
  }
}
