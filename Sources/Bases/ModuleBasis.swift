import LinearAlgebra
public import Tensors

/// The frozen factors of one module: `ΔW ≈ U · M · Vᵀ` with orthonormal columns in `U` and `V`.
///
/// Where a residual is stored beside the base's directions, its vectors are the last columns on both sides: of length
/// 1, not orthogonal to the others.
public struct ModuleBasis: Sendable {
  /// The module's name without `.weight`.
  public let moduleName: String
  /// `U`, `[outFeatures, outputRank + residualCount]`.
  public let outputBasis: Matrix<Float>
  /// `V`, `[inFeatures, inputRank + residualCount]`.
  public let inputBasis: Matrix<Float>
  /// ``grams``, where they are kept.
  private var keptGrams: Grams?
  /// How many of the last columns are a stored residual's.
  public let residualCount: Int
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
    condition: Double = 1, residualCount: Int = 0
  ) {
    self.moduleName = moduleName
    self.outputBasis = outputBasis
    self.inputBasis = inputBasis
    self.outputSingularValues = outputSingularValues
    self.inputSingularValues = inputSingularValues
    self.selection = selection
    self.condition = condition
    self.residualCount = residualCount
  }

  /// What every fit in these factors needs of them.
  public struct Grams: Sendable {
    /// `UᵀU` in Float64, `[outputRank, outputRank]`: the identity but for rounding and a residual's columns.
    public let output: Matrix<Double>
    /// `VᵀV`, `[inputRank, inputRank]`, likewise.
    public let input: Matrix<Double>
  }

  /// The products of the factors with themselves, computed where they are not kept.
  public var grams: Grams {
    keptGrams
      ?? Grams(
        output: outputBasis.exactTimes(outputBasis, transposeSelf: true),
        input: inputBasis.exactTimes(inputBasis, transposeSelf: true))
  }

  /// The same with ``grams`` kept, for factors in which many updates are fitted.
  ///
  /// Of tall choices they are larger than the factors: those of one adapter do without.
  public var keepingGrams: ModuleBasis {
    var basis = self
    basis.keptGrams = grams
    return basis
  }

  /// Bytes of the factors, and of ``grams`` where they are kept.
  package var byteCount: Int {
    let grams = keptGrams.map { $0.output.elements.count + $0.input.elements.count } ?? 0
    return (outputBasis.elements.count + inputBasis.elements.count) * MemoryLayout<Float>.size
      + grams * MemoryLayout<Double>.size
  }

  /// No directions at all of a weight `[outFeatures, inFeatures]`.
  public init(withoutDirections moduleName: String, outFeatures: Int, inFeatures: Int) {
    self.init(
      moduleName: moduleName, outputBasis: Matrix(rows: outFeatures, columns: 0),
      inputBasis: Matrix(rows: inFeatures, columns: 0), outputSingularValues: [],
      inputSingularValues: [], selection: .selected(output: [], input: []))
  }

  /// The same choice without its vectors: all that a record tells of it.
  package var withoutVectors: ModuleBasis {
    with(
      output: Matrix(rows: outputBasis.rows, columns: 0),
      input: Matrix(rows: inputBasis.rows, columns: 0))
  }

  /// The same choice with these factors.
  func with(output: Matrix<Float>, input: Matrix<Float>) -> ModuleBasis {
    ModuleBasis(
      moduleName: moduleName, outputBasis: output, inputBasis: input,
      outputSingularValues: outputSingularValues, inputSingularValues: inputSingularValues,
      selection: selection, condition: condition, residualCount: residualCount)
  }

  /// The same directions with those of a residual behind them, `[outFeatures, count]` and `[inFeatures, count]`.
  public func appending(output: Matrix<Float>, input: Matrix<Float>) -> ModuleBasis {
    precondition(output.columns == input.columns)
    return ModuleBasis(
      moduleName: moduleName, outputBasis: outputBasis.appending(columns: output),
      inputBasis: inputBasis.appending(columns: input),
      outputSingularValues: outputSingularValues, inputSingularValues: inputSingularValues,
      selection: selection, condition: condition, residualCount: residualCount + output.columns)
  }

  /// The same directions of the base with another residual behind them.
  public func replacingResidual(output: Matrix<Float>, input: Matrix<Float>) -> ModuleBasis {
    let own = ownDirections
    return ModuleBasis(
      moduleName: moduleName, outputBasis: own.output, inputBasis: own.input,
      outputSingularValues: outputSingularValues, inputSingularValues: inputSingularValues,
      selection: selection, condition: condition
    ).appending(output: output, input: input)
  }

  /// The directions of the base alone, `[outFeatures, outputRank]` and `[inFeatures, inputRank]`.
  public var ownDirections: (output: Matrix<Float>, input: Matrix<Float>) {
    (
      outputBasis.selectingColumns(Array(0..<outputBasis.columns - residualCount)),
      inputBasis.selectingColumns(Array(0..<inputBasis.columns - residualCount))
    )
  }
}
