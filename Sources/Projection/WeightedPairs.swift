public import Adapters
public import Faults
import LinearAlgebra
public import Tensors

/// An update as pairs of vectors in the order of their worth: `ΔW = Σ σᵢ pᵢ qᵢᵀ` with `pᵢᵀ G pⱼ = qᵢᵀ C qⱼ = δᵢⱼ`.
///
/// The singular value decomposition of `G^½ ΔW C^½`, led back: its first k pairs are the update of rank k with the
/// least `‖G^½ (ΔW − X) C^½‖`. Without curvature, the plain decomposition. Small matrices only: both sides
/// lie in the spans of the LoRA's own factors.
public struct WeightedPairs: Sendable {
  /// `σ`, descending; those of numerical rank.
  public let values: [Double]
  /// `p`, `[outFeatures, values.count]`.
  public let output: Matrix<Double>
  /// `q`, `[inFeatures, values.count]`.
  public let input: Matrix<Double>

  /// Decomposes an update.
  ///
  /// - Parameter ridge: relative to each moment's mean diagonal, as in ``Projection/fit(update:basis:curvature:method:ridge:)``.
  /// - Throws: `PROJ-SHAPE` where update and curvature disagree; `NUM-SVD`.
  public init(
    of update: LowRankUpdate, curvature: Curvature?, ridge: Double = Projection.defaultRidge
  ) throws(Fault) {
    try Projection.checkShapes(
      update, outFeatures: update.outFeatures, inFeatures: update.inFeatures, curvature)
    let up = update.loraB.inDouble.scaled(by: update.scaling)
    let down = update.loraA.inDouble.transposed
    do throws(Fault) {
      let output = try WeightedPairs.side(up, Metric(curvature?.output, ridge: ridge))
      let input = try WeightedPairs.side(down, Metric(curvature?.input, ridge: ridge))
      let svd = try SVD(output.root.times(input.root))
      let largest = svd.values.first ?? 0
      let count = svd.values.count { $0 > 1e-9 * largest }
      let kept = Array(0..<count)
      values = Array(svd.values.prefix(count))
      self.output = up.times(
        output.inverseRoot.times(svd.left.selectingColumns(kept)))
      self.input = down.times(
        input.inverseRoot.times(svd.rightTransposed.selectingRows(kept), transposeOther: true))
    } catch {
      throw error.at(tensor: update.moduleName)
    }
  }

  /// `(XᵀSX)^½` and its pseudo-inverse for the factor `X` `[features, rank]`.
  private static func side(
    _ factor: Matrix<Double>, _ metric: Metric
  ) throws(Fault) -> (root: Matrix<Double>, inverseRoot: Matrix<Double>) {
    let eigen = try SymmetricEigen(metric.gram(factor))
    let floor = max(eigen.values.first ?? 0, 0) * 1e-14
    return (
      eigen.map { max($0, 0).squareRoot() }, eigen.map { $0 > floor ? 1 / $0.squareRoot() : 0 }
    )
  }
}
