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
  let inputFactor: FrozenMatrix
  let outputFactor: FrozenMatrix
  private let coreBuffer: FloatBuffer?

  /// An update with a trainable core.
  public init(inputFactor: Matrix<Float>, core: Matrix<Float>, outputFactor: Matrix<Float>) {
    precondition(core.columns == inputFactor.columns && core.rows == outputFactor.columns)
    inputRank = inputFactor.columns
    outputRank = outputFactor.columns
    inFeatures = inputFactor.rows
    outFeatures = outputFactor.rows
    self.inputFactor = FrozenMatrix(stacking: [inputFactor])
    self.outputFactor = FrozenMatrix(stacking: [outputFactor])
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
  }

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
