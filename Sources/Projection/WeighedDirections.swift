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

  /// The first `candidates` of `directions`, all for nil.
  ///
  /// - Parameter ridge: relative to each moment's mean diagonal, as in `fit`.
  /// - Throws: `PROJ-SHAPE` where a moment does not fit the directions.
  public init(
    _ directions: DirectionRows, curvature: Curvature?, candidates: Int? = nil,
    ridge: Double = Projection.defaultRidge
  ) throws(Fault) {
    for (moment, features) in [
      (curvature?.output, directions.outFeatures), (curvature?.input, directions.inFeatures),
    ] {
      guard let moment, moment.features != features else { continue }
      throw Fault(
        .badData, "PROJ-SHAPE",
        "a second moment of \(moment.features) features for \(features)",
        tensor: directions.moduleName)
    }
    // A cluster cut by the limit cannot be taken whole.
    let count = directions.admissibleRank(min(candidates ?? directions.count, directions.count))
    func rows(_ all: Matrix<Float>) -> Matrix<Float> {
      count == directions.count ? all : all.selectingRows(Array(0..<count))
    }
    output = WeighedSide(
      rows: rows(directions.outputRows), metric: Metric(curvature?.output, ridge: ridge))
    input = WeighedSide(
      rows: rows(directions.inputRows), metric: Metric(curvature?.input, ridge: ridge))
    clusters = directions.clusters
    (outFeatures, inFeatures) = (directions.outFeatures, directions.inFeatures)
  }

  /// Directions a side.
  var count: Int { output.rows.rows }
}

/// One side's directions under its metric.
///
/// Directions and second moments are known to Float32 at most, and images are computed in it, four times as fast as in Float64;
/// equations that are solved are made from these images in Float64, so that they are those of one least-squares problem.
struct WeighedSide: Sendable {
  /// `X`, one direction a row, `[count, features]`.
  let rows: Matrix<Float>
  /// What the metric adds to the diagonal.
  let shift: Double
  /// `R` of the metric, `[samples, features]`; nil under the identity.
  let samples: Matrix<Float>?
  /// `X Rᵀ`, `[count, samples]`; nil under the identity.
  let image: Matrix<Float>?
  /// `H = X S Xᵀ`, `[count, count]`.
  let gram: Matrix<Double>

  init(rows: Matrix<Float>, metric: Metric) {
    self.rows = rows
    shift = metric.shift
    samples = metric.rows?.inFloat
    image = samples.map { rows.packedTimes($0) }
    // Directions are orthonormal.
    let diagonal = Matrix<Double>.identity(rows.rows).scaled(by: metric.shift)
    gram = image.map { $0.packedTimes($0).inDouble.adding(1, times: diagonal) } ?? diagonal
  }
}

extension Matrix where Scalar == Float {
  /// `self · otherᵀ` for two large factors, in Float32.
  fileprivate func packedTimes(_ other: Matrix<Float>) -> Matrix<Float> {
    var result = Matrix(rows: rows, columns: other.rows)
    let packed = FrozenMatrix(stacking: [other])
    elements.withUnsafeBufferPointer { x in
      result.elements.withUnsafeMutableBufferPointer { target in
        guard let x = x.baseAddress, let target = target.baseAddress else { return }
        packed.multiply(
          ActivationRows(x, stride: columns), count: rows, .forward, into: target,
          stride: other.rows)
      }
    }
    return result
  }
}
