import Faults
import LinearAlgebra
import Tensors

/// Singular triplets of a tall matrix `T` `[long, short]` before signs and clusters are settled.
struct SingularFactors {
  /// Descending, numerically zero ones left out.
  let values: [Double]
  /// Left vectors as rows, `[count, long]`.
  let longRows: Matrix<Double>
  /// Right vectors as rows, `[count, short]`.
  let shortRows: Matrix<Double>
  let convergence: Convergence
  /// Products of the iteration; none were counted elsewhere.
  var work = ProductWork()

  /// Eigenvectors `v` of `TᵀT`, then `u = T v / σ` with `σ = ‖T v‖`.
  init(gramOf tall: Matrix<Double>) throws(Fault) {
    let gram = tall.gramOfColumns
    try Interruption.check()
    let eigen = try SymmetricEigen(gram)
    try Interruption.check()
    // An eigenvalue this small is rounding of the Gram matrix: whether its direction exists can only
    // be told from the weight itself.
    let floor = (eigen.values.first ?? 0) * Double(max(tall.columns, 1)) * 0x1p-50
    let kept = eigen.values.prefix { $0 > floor }.count
    let short = eigen.vectors.prefix(rows: kept)
    let images = short.times(tall, transposeOther: true)
    var long = images
    let norms = long.normalizeRows()
    let order = norms.indices.sorted { (norms[$0], $1) > (norms[$1], $0) }
    let isSorted = order.elementsEqual(norms.indices)
    values = isSorted ? norms : order.map { norms[$0] }
    longRows = isSorted ? long : long.selectingRows(order)
    shortRows = isSorted ? short : short.selectingRows(order)
    let isComplete = kept == tall.columns
    convergence = SingularFactors.measure(
      .gram, isComplete: isComplete, tall: tall,
      images: isSorted ? images : images.selectingRows(order), values: values,
      long: longRows, short: shortRows)
  }

  /// LAPACK's SVD, cut at the numerical rank `σ > max(long, short)·ε·σ₁`.
  init(directlyFrom tall: Matrix<Double>) throws(Fault) {
    let svd = try SVD(tall)
    let floor = (svd.values.first ?? 0) * Double(max(tall.rows, 1)) * 0x1p-52
    let kept = svd.values.prefix { $0 > floor }.count
    values = Array(svd.values.prefix(kept))
    longRows = svd.left.transposed.prefix(rows: kept)
    shortRows = svd.rightTransposed.prefix(rows: kept)
    convergence = SingularFactors.measure(
      .direct, isComplete: true, tall: tall, images: shortRows.times(tall, transposeOther: true),
      values: values,
      long: longRows, short: shortRows)
  }

  /// Both residuals and both orthogonalities, from the matrix itself.
  ///
  /// - Parameters:
  ///   - isComplete: whether no direction was dropped on a guess; else the basis is not accepted.
  ///   - images: row `i` is `T vᵢ`.
  static func measure(
    _ route: Convergence.Route, isComplete: Bool, tall: Matrix<Double>, images: Matrix<Double>,
    values: [Double],
    long: Matrix<Double>, short: Matrix<Double>
  ) -> Convergence {
    guard let largest = values.first else {
      return Convergence(
        route: route, residual: 0, orthogonality: 0, minimumGap: .infinity,
        spanError: isComplete ? 0 : .infinity)
    }
    let backward = long.times(tall)
    let clusters = SingularBasis.clusters(of: values)
    // With fewer directions than the long side, zero is a neighbour of the last singular value.
    let isBordered = tall.rows != tall.columns || values.count < tall.columns
    var residual = 0.0
    var spanError = isComplete ? 0.0 : .infinity
    var minimumGap = Double.infinity
    var next = clusters.makeIterator()
    var current = next.next()
    for index in values.indices {
      while let range = current, range.upperBound <= index { current = next.next() }
      let span = current.flatMap { $0.contains(index) ? $0 : nil } ?? index..<index + 1
      let above =
        span.lowerBound == 0 ? .infinity : values[span.lowerBound - 1] - values[span.lowerBound]
      let below =
        span.upperBound < values.count
        ? values[span.upperBound - 1] - values[span.upperBound]
        : isBordered ? values[span.upperBound - 1] : .infinity
      let error = max(
        images.distance(row: index, to: long, scaledBy: values[index]),
        backward.distance(row: index, to: short, scaledBy: values[index]))
      // `max` drops NaN on one side only; a NaN must not pass.
      residual = error.isNaN ? .nan : max(residual, error)
      let gap = min(above, below)
      minimumGap = min(minimumGap, gap)
      if gap.isFinite { spanError = error.isNaN ? .nan : max(spanError, error / gap) }
      if error.isNaN { break }
    }
    return Convergence(
      route: route, residual: residual / largest,
      orthogonality: max(long.orthogonalityDefect, short.orthogonalityDefect),
      minimumGap: minimumGap / largest, spanError: spanError)
  }
}
