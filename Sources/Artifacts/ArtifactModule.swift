public import Tensors

/// One module of an artifact: `ΔW = U · M · Vᵀ` with U `[outFeatures, rows]` and V `[inFeatures, columns]`
/// regenerated from the base weight (`formats/loraxs.md` §1).
public struct ArtifactModule: Sendable, Hashable {
  /// Path in the HF model, without `.weight`.
  public var moduleName: String
  /// Rows of the base weight.
  public var outFeatures: Int
  /// Columns of the base weight.
  public var inFeatures: Int
  /// The rows of M that belong to directions of the base, as stored, `[rows, columns + residual]`.
  public var stored: StoredLatent
  /// The residual, if there is one.
  public var residual: StoredResidual?
  /// Chosen singular directions of the output side, ascending; empty unless directions are selected.
  public var outputIndices: [Int]
  /// Chosen singular directions of the input side, ascending; empty unless directions are selected.
  public var inputIndices: [Int]
  /// Singular values of the output directions, on the grid of ``SingularValueGrid``; empty beside a check.
  public var outputSingularValues: [Float]
  /// Singular values of the input directions; empty beside a check.
  public var inputSingularValues: [Float]
  /// The sum of all directions' singular values in octaves, as ``SingularValueCheck`` has it; nil where the values
  /// themselves are kept, or nothing is.
  public var valueCheck: UInt8?
  /// Probes that a loader recomputes to see that it regenerated the same bases.
  public var probes: [Float]
  /// The first bytes of the SHA-256 of the base weight's decoded values.
  public var digestPrefix: [UInt8]
  /// U, when embedded, `[outFeatures, rows]`.
  public var outputBasis: Matrix<Float>?
  /// V, when embedded, `[inFeatures, columns]`.
  public var inputBasis: Matrix<Float>?

  /// A module; for top directions leave the indices empty, and the input values may be too.
  public init(
    moduleName: String, outFeatures: Int, inFeatures: Int, stored: StoredLatent,
    residual: StoredResidual? = nil, outputIndices: [Int] = [], inputIndices: [Int] = [],
    outputSingularValues: [Float] = [], inputSingularValues: [Float] = [],
    valueCheck: UInt8? = nil, probes: [Float] = [], digestPrefix: [UInt8] = [],
    outputBasis: Matrix<Float>? = nil, inputBasis: Matrix<Float>? = nil
  ) {
    self.moduleName = moduleName
    self.outFeatures = outFeatures
    self.inFeatures = inFeatures
    self.stored = stored
    self.residual = residual
    self.outputIndices = outputIndices
    self.inputIndices = inputIndices
    self.outputSingularValues = outputSingularValues.map(SingularValueGrid.rounded)
    self.inputSingularValues = inputSingularValues.map(SingularValueGrid.rounded)
    self.valueCheck = valueCheck
    self.probes = probes
    self.digestPrefix = digestPrefix
    self.outputBasis = outputBasis
    self.inputBasis = inputBasis
  }

  /// M as a loader uses it, `[rows, columns]`, those of a residual last.
  public var latent: Matrix<Float> {
    guard let residual else { return stored.matrix }
    return Matrix(
      rows: stored.rows + residual.count, columns: stored.columns,
      elements: stored.matrix.elements + residual.rows)
  }

  /// Pairs of vectors stored beside the directions of the base.
  var residualCount: Int { residual?.count ?? 0 }

  /// Whether modules agree in every part, names by their bytes.
  public static func == (left: ArtifactModule, right: ArtifactModule) -> Bool {
    left.moduleName.utf8.elementsEqual(right.moduleName.utf8)
      && left.outFeatures == right.outFeatures && left.inFeatures == right.inFeatures
      && left.stored == right.stored && left.residual == right.residual
      && left.outputIndices == right.outputIndices && left.inputIndices == right.inputIndices
      && left.outputSingularValues == right.outputSingularValues
      && left.inputSingularValues == right.inputSingularValues
      && left.valueCheck == right.valueCheck && left.probes == right.probes
      && left.digestPrefix == right.digestPrefix && left.outputBasis == right.outputBasis
      && left.inputBasis == right.inputBasis
  }

  /// Feeds what tells modules apart but for embedded bases.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(Array(moduleName.utf8))
    hasher.combine(stored)
    hasher.combine(residual)
    hasher.combine(digestPrefix)
  }
}
