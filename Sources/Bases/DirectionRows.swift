public import Faults
import LinearAlgebra
public import Tensors

/// The directions of a ``SingularBasis`` in Float32, as a plain choice and its factors use them.
///
/// Half the size, and all that is needed where nothing weighs errors: a fleet of adapters shares them.
public struct DirectionRows: Sendable {
  /// The module's name without `.weight`.
  public let moduleName: String
  /// `σ`, descending, one per direction.
  public let singularValues: [Double]
  /// Row `i` is `uᵢ`, `[count, outFeatures]`.
  public let outputRows: Matrix<Float>
  /// Row `i` is `vᵢ`, `[count, inFeatures]`.
  public let inputRows: Matrix<Float>
  /// Ranges of directions that must be taken whole or not at all.
  public let clusters: [Range<Int>]

  /// Assembles rows that agree in number (a programmer's error otherwise).
  package init(
    moduleName: String, singularValues: [Double], outputRows: Matrix<Float>,
    inputRows: Matrix<Float>
  ) {
    precondition(
      outputRows.rows == singularValues.count && inputRows.rows == singularValues.count)
    self.moduleName = moduleName
    self.singularValues = singularValues
    self.outputRows = outputRows
    self.inputRows = inputRows
    clusters = SingularBasis.clusters(of: singularValues)
  }

  /// Number of directions.
  public var count: Int { singularValues.count }
  /// Rows of the weight.
  public var outFeatures: Int { outputRows.columns }
  /// Columns of the weight.
  public var inFeatures: Int { inputRows.columns }

  /// As ``SingularBasis/admissibleRank(_:)``.
  public func admissibleRank(_ rank: Int) -> Int {
    SingularBasis.admissibleRank(rank, of: count, clusters: clusters)
  }

  /// The factors of chosen directions, ascending on either side.
  ///
  /// - Throws: `BASIS-INDEX`, `BASIS-CLUSTER` as ``SingularBasis/moduleBasis(for:)``.
  public func moduleBasis(output: [Int], input: [Int]) throws(Fault) -> ModuleBasis {
    for (side, indices) in [("output", output), ("input", input)] {
      try SingularBasis.check(
        indices, of: count, clusters: clusters, side: side, moduleName: moduleName)
    }
    return ModuleBasis(
      moduleName: moduleName, outputBasis: outputRows.columns(fromRows: output),
      inputBasis: inputRows.columns(fromRows: input),
      outputSingularValues: output.map { singularValues[$0] },
      inputSingularValues: input.map { singularValues[$0] },
      selection: .selected(output: output, input: input))
  }
}

extension SingularBasis {
  /// The directions in Float32.
  public var directionRows: DirectionRows {
    DirectionRows(
      moduleName: moduleName, singularValues: singularValues, outputRows: outputRows.inFloat,
      inputRows: inputRows.inFloat)
  }
}
