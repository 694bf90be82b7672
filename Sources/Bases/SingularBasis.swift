import LinearAlgebra
public import Tensors

/// The singular directions of one base weight, `W = Σ σᵢ uᵢ vᵢᵀ`, as a function of the weight alone.
///
/// Directions are in descending order of singular value. Signs follow the largest entry of `uᵢ`;
/// directions whose singular values are too close to be told apart form a cluster and are given in
/// the canonical coordinates of their span (`formats/xsbases.md` §2), so that another CPU, BLAS or
/// thread count gives the same numbers. Directions of numerically zero singular value are left out.
public struct SingularBasis: Sendable {
  /// The module's name without `.weight`.
  public let moduleName: String
  /// `σ`, descending, one per kept direction.
  public let singularValues: [Double]
  /// Row `i` is `uᵢ`, orthonormal, `[count, outFeatures]`.
  public let outputRows: Matrix<Double>
  /// Row `i` is `vᵢ`, orthonormal, `[count, inFeatures]`.
  public let inputRows: Matrix<Double>
  /// What was measured.
  public let convergence: Convergence
  /// Ranges of two or more directions that must be taken whole or not at all.
  public let clusters: [Range<Int>]
  /// Products of the iteration that found leading directions; none were counted elsewhere.
  public let work: ProductWork

  /// Singular values nearer than this times `σ₁` belong to one cluster.
  ///
  /// Far above what rounding moves a singular value (1e-14 σ₁) and far below the spacing of trained
  /// weights, so that no decision is near the limit.
  public static let clusterTolerance = 1e-7

  /// Assembles a basis whose parts agree in size (a programmer's error otherwise).
  init(
    moduleName: String, singularValues: [Double], outputRows: Matrix<Double>,
    inputRows: Matrix<Double>, convergence: Convergence, work: ProductWork = ProductWork()
  ) {
    precondition(
      outputRows.rows == singularValues.count && inputRows.rows == singularValues.count)
    self.moduleName = moduleName
    self.singularValues = singularValues
    self.outputRows = outputRows
    self.inputRows = inputRows
    self.convergence = convergence
    self.clusters = SingularBasis.clusters(of: singularValues)
    self.work = work
  }

  /// Whether only leading directions were computed: there are more than ``count``.
  public var isPartial: Bool { convergence.route == .iterated }

  /// Number of directions.
  public var count: Int { singularValues.count }
  /// Rows of the weight.
  public var outFeatures: Int { outputRows.columns }
  /// Columns of the weight.
  public var inFeatures: Int { inputRows.columns }

  /// All output directions as columns, `[outFeatures, count]`.
  public var outputVectors: Matrix<Float> { outputVectors(Array(0..<count)) }
  /// All input directions as columns, `[inFeatures, count]`.
  public var inputVectors: Matrix<Float> { inputVectors(Array(0..<count)) }

  /// The named output directions as columns, `[outFeatures, indices.count]`.
  public func outputVectors(_ indices: [Int]) -> Matrix<Float> {
    outputRows.columns(fromRows: indices).inFloat
  }

  /// The named input directions as columns, `[inFeatures, indices.count]`.
  public func inputVectors(_ indices: [Int]) -> Matrix<Float> {
    inputRows.columns(fromRows: indices).inFloat
  }

  /// The cluster that holds direction `index`, or the direction alone.
  public func cluster(of index: Int) -> Range<Int> {
    clusters.first { $0.contains(index) } ?? index..<index + 1
  }

  /// Runs of neighbours nearer than ``clusterTolerance``, of two or more.
  static func clusters(of values: [Double]) -> [Range<Int>] {
    let tolerance = (values.first ?? 0) * clusterTolerance
    var result: [Range<Int>] = []
    var start = 0
    for index in 1..<max(values.count + 1, 1) {
      if index < values.count, values[index - 1] - values[index] < tolerance { continue }
      if index - start > 1 { result.append(start..<index) }
      start = index
    }
    return result
  }
}
