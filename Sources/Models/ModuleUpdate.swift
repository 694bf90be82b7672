import LinearAlgebra
public import Tensors

/// A low-rank weight update of one module, never materialised: `ΔW = O · M · Iᵀ`, or `O · Iᵀ` without a core.
///
/// For LoRA `I = Aᵀ`, `O = s·B`; for LoRA-XS `I = V_r`, `O = U_r` and the core is the trained M. Shapes:
/// `I` `[inFeatures, inputRank]`, `M` `[outputRank, inputRank]`, `O` `[outFeatures, outputRank]`.
public final class ModuleUpdate {
  /// Size of the input subspace.
  public let inputRank: Int
  /// Size of the output subspace.
  public let outputRank: Int
  let inFeatures: Int
  let outFeatures: Int
  /// How many of the last columns of both factors are trained too; 0 without a core.
  public let trainedColumns: Int
  private(set) var inputFactor: FrozenMatrix
  private(set) var outputFactor: FrozenMatrix
  private let coreBuffer: FloatBuffer?

  /// An update with a trainable core; it shares the memory of the factors.
  public init(
    inputFactor: Matrix<Float>, core: Matrix<Float>, outputFactor: Matrix<Float>,
    trainedColumns: Int = 0
  ) {
    precondition(core.columns == inputFactor.columns && core.rows == outputFactor.columns)
    precondition(trainedColumns <= min(core.rows, core.columns))
    self.trainedColumns = trainedColumns
    inputRank = inputFactor.columns
    outputRank = outputFactor.columns
    inFeatures = inputFactor.rows
    outFeatures = outputFactor.rows
    self.inputFactor = FrozenMatrix(sharing: inputFactor)
    self.outputFactor = FrozenMatrix(sharing: outputFactor)
    coreBuffer = FloatBuffer(core.elements)
  }

  /// A plain pair, `ΔW = scaling · B · A` with `A` `[rank, inFeatures]` and `B` `[outFeatures, rank]`.
  public init(loraA: Matrix<Float>, loraB: Matrix<Float>, scaling: Double) {
    precondition(loraA.rows == loraB.columns)
    inputRank = loraA.rows
    outputRank = loraA.rows
    inFeatures = loraA.columns
    outFeatures = loraB.rows
    inputFactor = FrozenMatrix(stacking: [loraA.transposed])
    var scaled = loraB
    scaled.elements = loraB.elements.map { Float(Double($0) * scaling) }
    outputFactor = FrozenMatrix(stacking: [scaled])
    coreBuffer = nil
    trainedColumns = 0
  }

  /// Puts other factors of the same shapes in place; no pass may be running.
  public func setFactors(input: Matrix<Float>, output: Matrix<Float>) {
    precondition(input.rows == inFeatures && input.columns == inputRank)
    precondition(output.rows == outFeatures && output.columns == outputRank)
    inputFactor = FrozenMatrix(sharing: input)
    outputFactor = FrozenMatrix(sharing: output)
  }

  /// Lets go of layouts in Float32 that can be made again from the factors as they were given.
  func dropFloats() {
    for factor in [inputFactor, outputFactor] {
      for order in [FrozenMatrix.Order.forward, .backward] { factor.drop(order) }
    }
  }

  /// Bytes of the factors' layouts, without the factors as they were given.
  package var byteCount: Int { inputFactor.byteCount + outputFactor.byteCount }

  var core: FloatBuffer? { coreBuffer }

  /// The core `M` `[outputRank, inputRank]`, if there is one; assigning keeps the shape.
  public var coreMatrix: Matrix<Float>? {
    get { coreBuffer?.matrix(rows: outputRank, columns: inputRank) }
    set {
      guard let newValue, let coreBuffer else { return }
      precondition(newValue.rows == outputRank && newValue.columns == inputRank)
      coreBuffer.copy(newValue.elements, at: 0)
    }
  }
}
