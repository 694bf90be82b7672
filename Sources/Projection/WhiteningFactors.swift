public import Bases
public import Faults
import LinearAlgebra
public import Tensors

/// `(UᵀGU)^{-½}` and `(VᵀCV)^{-½}`, each scaled to mean diagonal 1.
///
/// With `M = output · M̃ · input` the loss is near isotropic in `M̃`, which is what first-order
/// training likes. A missing moment gives the identity.
public struct WhiteningFactors: Sendable {
  /// Symmetric, `[outputRank, outputRank]`.
  public let output: Matrix<Double>
  /// Symmetric, `[inputRank, inputRank]`.
  public let input: Matrix<Double>

  /// Computes the factors for a basis, with the relative ridge of ``Projection``.
  ///
  /// - Throws: `PROJ-SHAPE` where a moment does not fit the basis; `NUM-SVD` without convergence.
  public init(
    basis: ModuleBasis, curvature: Curvature, ridge: Double = Projection.defaultRidge
  ) throws(Fault) {
    output = try WhiteningFactors.factor(
      basis.outputBasis, curvature.output, ridge: ridge, name: basis.moduleName)
    input = try WhiteningFactors.factor(
      basis.inputBasis, curvature.input, ridge: ridge, name: basis.moduleName)
  }

  private static func factor(
    _ basis: Matrix<Float>, _ moment: SecondMoment?, ridge: Double, name: String
  ) throws(Fault) -> Matrix<Double> {
    guard let moment, basis.columns > 0 else { return .identity(basis.columns) }
    let small = try Metric.within(basis, moment, ridge: ridge, name: name)
    let eigen: SymmetricEigen
    do throws(Fault) { eigen = try SymmetricEigen(small) } catch { throw error.at(tensor: name) }
    let floor = (eigen.values.first ?? 0) * 1e-12
    guard floor > 0 else { return .identity(basis.columns) }
    let root = eigen.map { 1 / max($0, floor).squareRoot() }
    var trace = 0.0
    for index in 0..<root.rows { trace += root[index, index] }
    return root.scaled(by: Double(root.rows) / trace)
  }
}
