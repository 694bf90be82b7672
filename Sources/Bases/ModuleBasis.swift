public import Tensors

/// The frozen factors of one module: `ΔW ≈ U · M · Vᵀ` with orthonormal columns in `U` and `V`.
public struct ModuleBasis: Sendable {
  /// The module's name without `.weight`.
  public let moduleName: String
  /// `U`, orthonormal columns, `[outFeatures, outputRank]`.
  public let outputBasis: Matrix<Float>
  /// `V`, orthonormal columns, `[inFeatures, inputRank]`.
  public let inputBasis: Matrix<Float>
  /// Singular values of the output directions; empty for random ones.
  public let outputSingularValues: [Double]
  /// Singular values of the input directions; empty for random ones.
  public let inputSingularValues: [Double]
  /// How the directions were chosen.
  public let selection: BasisSelection
  /// The condition number behind canonical coordinates (`top`), else 1: digits lost in them.
  public let condition: Double

  /// Assembles factors, for instance ones embedded in an artifact.
  public init(
    moduleName: String, outputBasis: Matrix<Float>, inputBasis: Matrix<Float>,
    outputSingularValues: [Double], inputSingularValues: [Double], selection: BasisSelection,
    condition: Double = 1
  ) {
    self.moduleName = moduleName
    self.outputBasis = outputBasis
    self.inputBasis = inputBasis
    self.outputSingularValues = outputSingularValues
    self.inputSingularValues = inputSingularValues
    self.selection = selection
    self.condition = condition
  }
}
