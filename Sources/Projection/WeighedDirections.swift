public import Bases
public import Faults
import LinearAlgebra
import Tensors

/// The candidate directions of a module under the second moments that weigh its errors: what a choice needs that is the same
/// for every adapter.
public struct WeighedDirections: Sendable {
  let output: WeighedSide
  let input: WeighedSide
  let clusters: [Range<Int>]
  let outFeatures: Int
  let inFeatures: Int

  /// The first `candidates` directions of `basis`, all for nil.
  ///
  /// - Parameter ridge: relative to each moment's mean diagonal, as in `fit`.
  /// - Throws: `PROJ-SHAPE` where a moment does not fit the basis.
  public init(
    basis: SingularBasis, curvature: Curvature?, candidates: Int? = nil,
    ridge: Double = Projection.defaultRidge
  ) throws(Fault) {
    for (moment, features) in [
      (curvature?.output, basis.outFeatures), (curvature?.input, basis.inFeatures),
    ] {
      guard let moment, moment.features != features else { continue }
      throw Fault(
        .badData, "PROJ-SHAPE",
        "a second moment of \(moment.features) features for \(features)", tensor: basis.moduleName)
    }
    // A cluster cut by the limit cannot be taken whole.
    let count = basis.admissibleRank(min(candidates ?? basis.count, basis.count))
    func rows(_ all: Matrix<Double>) -> Matrix<Double> {
      count == basis.count ? all : all.selectingRows(Array(0..<count))
    }
    output = WeighedSide(
      rows: rows(basis.outputRows), metric: Metric(curvature?.output, ridge: ridge))
    input = WeighedSide(
      rows: rows(basis.inputRows), metric: Metric(curvature?.input, ridge: ridge))
    clusters = basis.clusters
    (outFeatures, inFeatures) = (basis.outFeatures, basis.inFeatures)
  }

  /// Directions a side.
  var count: Int { output.rows.rows }
}

/// One side's directions under its metric.
struct WeighedSide: Sendable {
  /// `X`, one direction a row, `[count, features]`.
  let rows: Matrix<Double>
  let metric: Metric
  /// `X Rᵀ` for the metric's rows; nil under the identity.
  let image: Matrix<Double>?
  /// `H = X S Xᵀ`, `[count, count]`.
  let gram: Matrix<Double>

  init(rows: Matrix<Double>, metric: Metric) {
    self.rows = rows
    self.metric = metric
    // Directions are orthonormal.
    let diagonal = Matrix<Double>.identity(rows.rows).scaled(by: metric.shift)
    image = metric.rows.map { rows.times($0, transposeOther: true) }
    gram = image.map { $0.times($0, transposeOther: true).adding(1, times: diagonal) } ?? diagonal
  }
}
