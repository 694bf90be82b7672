public import Faults
import LinearAlgebra
import Synchronization
public import Tensors

/// A low-rank weight update of one module, never materialised: `ΔW = O · M · Iᵀ`, or `O · Iᵀ` without a core.
///
/// For LoRA `I = Aᵀ`, `O = s·B`; for LoRA-XS `I = V_r`, `O = U_r` and the core is the trained M. Shapes:
/// `I` `[inFeatures, inputRank]`, `M` `[outputRank, inputRank]`, `O` `[outFeatures, outputRank]`. Beside a core factors are laid
/// out when a pass needs them, and may be let go of until the next one does.
public final class ModuleUpdate {
  /// Both factors of an update.
  public typealias Factors = (input: Matrix<Float>, output: Matrix<Float>)

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
  /// Gives the factors, one caller at a time; nil for a plain pair, which has its own.
  private var factors: (() throws(Fault) -> Factors)?
  private let filling = Mutex(())

  /// An update with a trainable core whose factors `factors` gives, now and again.
  ///
  /// - Parameters:
  ///   - outFeatures: Rows of O.
  ///   - inFeatures: Rows of I.
  public init(
    core: Matrix<Float>, outFeatures: Int, inFeatures: Int, trainedColumns: Int = 0,
    factors: @escaping () throws(Fault) -> Factors
  ) {
    precondition(trainedColumns <= min(core.rows, core.columns))
    self.trainedColumns = trainedColumns
    (outputRank, inputRank) = (core.rows, core.columns)
    (self.outFeatures, self.inFeatures) = (outFeatures, inFeatures)
    inputFactor = FrozenMatrix(rows: inFeatures, columns: inputRank)
    outputFactor = FrozenMatrix(rows: outFeatures, columns: outputRank)
    coreBuffer = FloatBuffer(core.elements)
    self.factors = factors
  }

  /// An update with a trainable core and factors in memory.
  public convenience init(
    inputFactor: Matrix<Float>, core: Matrix<Float>, outputFactor: Matrix<Float>,
    trainedColumns: Int = 0
  ) {
    self.init(
      core: core, outFeatures: outputFactor.rows, inFeatures: inputFactor.rows,
      trainedColumns: trainedColumns
    ) { () throws(Fault) in (inputFactor, outputFactor) }
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
    factors = nil
  }

  /// Puts other factors of the same shapes in place; no pass may be running.
  public func setFactors(input: Matrix<Float>, output: Matrix<Float>) {
    precondition(input.rows == inFeatures && input.columns == inputRank)
    precondition(output.rows == outFeatures && output.columns == outputRank)
    inputFactor = FrozenMatrix(rows: inFeatures, columns: inputRank)
    outputFactor = FrozenMatrix(rows: outFeatures, columns: outputRank)
    factors = { () throws(Fault) in (input, output) }
  }

  /// Lays factors out for products in `precision`, where they are not: in bfloat16 for those alone.
  ///
  /// - Throws: what giving the factors throws.
  func prepare(_ precision: ProductPrecision) throws(Fault) {
    guard let factors else { return }
    let result = filling.withLock { _ in
      Result { () throws(Fault) in
        guard !inputFactor.serves(precision) || !outputFactor.serves(precision) else { return }
        let (input, output) = try factors()
        inputFactor.fill(input)
        outputFactor.fill(output)
        guard precision == .bfloat16 else { return }
        inputFactor.keep(.bfloat16)
        outputFactor.keep(.bfloat16)
      }
    }
    try result.get()
  }

  /// Lets go of factors in Float32 until a pass needs them.
  func dropFloats() {
    guard factors != nil else { return }
    inputFactor.dropFloats()
    outputFactor.dropFloats()
  }

  /// Bytes of the factors as they are laid out.
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
