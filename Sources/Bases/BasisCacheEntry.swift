import Faults
import Files
import LinearAlgebra
import Tensors

/// What the cache keeps of a basis: enough to give back the same numbers with one product.
///
/// Singular values, and the vectors of the shorter side in Float64. The longer side is `T v / σ`, which
/// is how it was computed; it is kept too where it was not (direct route, clusters). Float32 would
/// not do: its rounding grows by `σ₁/σ` in the product.
struct BasisCacheEntry: Sendable {
  var convergence: Convergence
  var singularValues: [Double]
  /// Vectors of the side with fewer features (the input side of a square weight) as rows.
  var shortRows: Matrix<Double>
  /// Vectors of the other side as rows, where the product would not give them exactly.
  var longRows: Matrix<Double>?

  /// Extracts the entry of a basis.
  init(_ basis: SingularBasis) {
    let isTall = basis.outFeatures >= basis.inFeatures
    convergence = basis.convergence
    singularValues = basis.singularValues
    shortRows = isTall ? basis.inputRows : basis.outputRows
    let isProduct = basis.convergence.route != .direct && basis.clusters.isEmpty
    longRows = isProduct ? nil : isTall ? basis.outputRows : basis.inputRows
  }

  /// The basis of `weight`, whose digest named this entry.
  ///
  /// - Parameter needed: the only directions whose longer side will be looked at, nil for all: the
  ///   others stay zero, and a loader of few directions is spared most of the product.
  func basis(
    weight: Matrix<Float>, moduleName: String, needed: [Int]? = nil
  ) -> SingularBasis {
    let isTall = weight.rows >= weight.columns
    var long: Matrix<Double>
    if let longRows {
      long = longRows
    } else if let needed {
      var part = WeightOperator(weight).images(of: shortRows.selectingRows(needed))
      part.scaleRows(by: needed.map { 1 / singularValues[$0] })
      long = Matrix(rows: shortRows.rows, columns: part.columns)
      for (position, index) in needed.enumerated() {
        let range = position * part.columns..<(position + 1) * part.columns
        long.elements.replaceSubrange(
          index * part.columns..<(index + 1) * part.columns, with: part.elements[range])
      }
    } else {
      long = WeightOperator(weight).images(of: shortRows)
      long.scaleRows(by: singularValues.map { 1 / $0 })
    }
    return SingularBasis(
      moduleName: moduleName, singularValues: singularValues,
      outputRows: isTall ? long : shortRows, inputRows: isTall ? shortRows : long,
      convergence: convergence)
  }

  /// Whether the entry holds leading directions only.
  var isPartial: Bool { convergence.route == .iterated }

  /// Whether the first `leading` directions, or all for nil, can be had from the entry.
  func serves(leading: Int?) -> Bool {
    guard isPartial else { return true }
    guard let leading else { return false }
    return singularValues.count >= leading
  }

  /// Whether the sizes fit a weight.
  func fits(rows: Int, columns: Int) -> Bool {
    let count = singularValues.count
    return count <= min(rows, columns) && shortRows.rows == count
      && shortRows.columns == min(rows, columns)
      && (longRows.map { $0.rows == count && $0.columns == max(rows, columns) } ?? true)
  }
}
