public import Bases
public import Checkpoints
public import Faults
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
  /// The head for classes that trains, apart from that of the weights; nil where none does.
  let classes: ClassLayers?
  private let updates: UpdateSet
  /// Directions of the base beside a residual's, where that trains.
  private let ownDirections: [ModuleUpdate.Factors]

  /// A student over frozen `weights`; `bases` and `latents` belong to `modules`, which must be in model order.
  ///
  /// - Throws: what reading a residual's directions throws.
  public convenience init(
    weights: DecoderWeights, modules: [LinearModule], bases: [ShelvedBasis],
    latents: [Matrix<Float>], threads: Int, trainingPrecision: ProductPrecision = .float32,
    recomputes: Bool = false, trainsResidual: Bool = false, trainsHead: Bool = false
  ) throws(Fault) {
    var own: [ModuleUpdate.Factors] = []
    if trainsResidual {
      for basis in bases { own.append(try basis.whole().ownFactors) }
    }
    self.init(
      weights: weights, modules: modules, shelved: bases, own: own, latents: latents,
      threads: threads, trainingPrecision: trainingPrecision, recomputes: recomputes,
      trainsResidual: trainsResidual, trainsHead: trainsHead)
  }

  /// The same with bases in memory.
  public convenience init(
    weights: DecoderWeights, modules: [LinearModule], bases: [ModuleBasis],
    latents: [Matrix<Float>], threads: Int, trainingPrecision: ProductPrecision = .float32,
    recomputes: Bool = false, trainsResidual: Bool = false, trainsHead: Bool = false
  ) {
    self.init(
      weights: weights, modules: modules, shelved: bases.map { ShelvedBasis($0) },
      own: trainsResidual ? bases.map(\.ownFactors) : [], latents: latents, threads: threads,
      trainingPrecision: trainingPrecision, recomputes: recomputes, trainsResidual: trainsResidual,
      trainsHead: trainsHead)
  }

  private init(
    weights: DecoderWeights, modules: [LinearModule], shelved bases: [ShelvedBasis],
    own: [ModuleUpdate.Factors], latents: [Matrix<Float>], threads: Int,
    trainingPrecision: ProductPrecision, recomputes: Bool, trainsResidual: Bool, trainsHead: Bool
  ) {
    precondition(modules.count == bases.count && modules.count == latents.count)
    var updates = UpdateSet(layerCount: weights.configuration.layerCount)
    updates.classes = trainsHead ? weights.classes?.copy() : nil
    classes = updates.classes
    for (module, (basis, latent)) in zip(modules, zip(bases, latents)) {
      updates[module.layer, module.kind] = ModuleUpdate(
        core: latent, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        trainedColumns: trainsResidual ? basis.residualCount : 0
      ) { () throws(Fault) in
        let whole = try basis.whole()
        return (whole.inputBasis, whole.outputBasis)
      }
    }
    ownDirections = own
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
    let own = ownDirections[index]
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

extension ModuleBasis {
  /// The directions of the base alone.
  fileprivate var ownFactors: ModuleUpdate.Factors {
    let own = ownDirections
    return (own.input, own.output)
  }
}
