import Faults
import Foundation
import LinearAlgebra
import Tensors

extension SingularFactors {
  /// The leading `count` triplets by subspace iteration with Chebyshev filters, or nil where that does not
  /// converge (a cut inside a long cluster, or too few dimensions): the caller then decomposes the whole.
  ///
  /// Cycles of filter, orthonormalisation and Rayleigh–Ritz run in Float32 until its rounding stops them. From then on
  /// only Rayleigh–Ritz needs Float64, once a cycle: the filter's effect on a residual is all that it adds to a vector,
  /// and a small correction in Float32 is exact enough (residual-based Chebyshev filters: Kressner, Shao, Miao and
  /// others). That until every wanted triplet meets METHOD §5's limit on residual over gap. The block is half as wide
  /// again as what is wanted: the filter separates the wanted directions from what lies outside the block, so the
  /// distance to the block's end counts, not the gap at the cut. (Zhou, Saad, Tiago, Chelikowsky 2006.)
  ///
  /// - Complexity: `4·long·short·block` operations a degree, some 15 to 25 degrees for trained weights.
  init?(leading count: Int, of matrix: Matrix<Float>) throws(Fault) {
    let weight = WeightOperator(matrix)
    let block = min((count * 3 / 2 + 31) / 16 * 16, weight.short)
    guard block > count, block * 3 <= weight.short else { return nil }
    var generator = SeededGenerator(seed: SingularFactors.startSeed)
    var rough = DirectionBlock<Float>(
      weight, vectors: generator.normals(block * weight.short).map { Float($0) }, count: block,
      products: 20)
    rough.power()
    try rough.orthonormalize()
    rough.power()
    try rough.cycle()
    // Until a cycle no longer halves the residual, or Float32 can do no better.
    let (roughLimit, spanLimit) = (1e-6, Convergence.spanLimit / 4)
    var last = Double.infinity
    for _ in 0..<SingularFactors.cycleLimit {
      let error = rough.relativeResidual(count)
      guard error > roughLimit, error < last / 2 else { break }
      last = error
      rough.filter(count, growth: 1e4, reduction: 2 * error / roughLimit)
      try rough.cycle()
    }
    var fine = rough.converted(to: Double.self, products: 3)
    try fine.cycle()
    last = .infinity
    for _ in 0..<SingularFactors.cycleLimit {
      let error = fine.spanError(count)
      if error <= spanLimit { break }
      let reduction = 4 * error / spanLimit
      if error < last / 4 {
        fine.correct(count, reduction: reduction, by: &rough)
      } else {
        // Rounding of corrections stands in the way.
        fine.filter(count, growth: 1e9, reduction: reduction)
      }
      last = error
      try fine.cycle()
    }
    guard fine.spanError(count) <= spanLimit else { return nil }
    self.init(fine, count: fine.wholeClusters(count), weight: weight)
    work = ProductWork(single: rough.operations, double: fine.operations)
  }

  /// The start vectors of every iteration; results do not depend on it beyond rounding.
  private static let startSeed: UInt64 = 0x1ead
  private static let cycleLimit = 60

  /// The first `count` Ritz pairs as triplets, `u = W v / σ`, measured.
  private init(_ block: DirectionBlock<Double>, count: Int, weight: WeightOperator) {
    values = block.values.prefix(count).map { $0.squareRoot() }
    let elements = Array(block.vectors.prefix(count * weight.short))
    shortRows = Matrix(rows: count, columns: weight.short, elements: elements)
    var long = Matrix<Double>(rows: count, columns: weight.long)
    var images = [Double](repeating: 0, count: elements.count)
    weight.apply(elements, count: count, into: &images) { range, part in
      for row in 0..<count {
        for column in 0..<range.count {
          long[row, range.lowerBound + column] = part[row * range.count + column]
        }
      }
    }
    // ‖W v‖ is σ to second order in v's error; the residual below uses it.
    let norms = long.normalizeRows()
    longRows = long
    var residual = 0.0
    var spanError = 0.0
    var minimumGap = Double.infinity
    for row in 0..<count {
      var sum = 0.0
      for column in 0..<weight.short {
        let index = row * weight.short + column
        let difference = images[index] / norms[row] - norms[row] * elements[index]
        sum += difference * difference
      }
      let gap = block.gap(row, count)
      residual = max(residual, sum.squareRoot())
      spanError = max(spanError, sum.squareRoot() / gap)
      minimumGap = min(minimumGap, gap)
    }
    let largest = values.first ?? 1
    convergence = Convergence(
      route: .iterated, residual: residual / largest,
      orthogonality: max(longRows.orthogonalityDefect, shortRows.orthogonalityDefect),
      minimumGap: minimumGap / largest, spanError: spanError)
  }
}

extension DirectionBlock {
  /// Orthonormalises and takes Ritz pairs.
  fileprivate mutating func cycle() throws(Fault) {
    try orthonormalize()
    try rayleighRitz()
  }

  /// The largest residual of the first `wanted` pairs over their singular value.
  fileprivate func relativeResidual(_ wanted: Int) -> Double {
    zip(residuals(), values).prefix(wanted).reduce(0) { largest, pair in
      max(largest, pair.0 / max(pair.1, 0).squareRoot())
    }
  }

  /// The largest residual over gap of the first `wanted` pairs, clusters taken as one.
  fileprivate func spanError(_ wanted: Int) -> Double {
    let residuals = residuals()
    var largest = 0.0
    for row in 0..<wanted {
      let error = residuals[row] / gap(row, wanted)
      guard error.isFinite else { return .infinity }
      largest = max(largest, error)
    }
    return largest
  }

  /// `wanted`, or less where that would cut a cluster.
  fileprivate func wholeClusters(_ wanted: Int) -> Int {
    let tolerance = max(values.first ?? 0, 0).squareRoot() * SingularBasis.clusterTolerance
    var count = wanted
    while count > 0, count < values.count,
      values[count - 1].squareRoot() - max(values[count], 0).squareRoot() < tolerance
    { count -= 1 }
    return count
  }

  /// The distance of direction `row`'s singular value to its neighbours outside its cluster.
  fileprivate func gap(_ row: Int, _ wanted: Int) -> Double {
    let sigma = values.map { max($0, 0).squareRoot() }
    let tolerance = (sigma.first ?? 0) * SingularBasis.clusterTolerance
    var (lower, upper) = (row, row)
    while lower > 0, sigma[lower - 1] - sigma[lower] < tolerance { lower -= 1 }
    while upper + 1 < sigma.count, sigma[upper] - sigma[upper + 1] < tolerance { upper += 1 }
    let above = lower == 0 ? Double.infinity : sigma[lower - 1] - sigma[lower]
    let below = upper + 1 < sigma.count ? sigma[upper] - sigma[upper + 1] : 0
    return min(above, below)
  }

  /// Filters with the largest degree that does no harm, or a smaller one that is expected to suffice.
  ///
  /// The first direction may grow at most `growth` times as much as the last one wanted: beyond that its rounding
  /// errors would drown the others. `reduction` is the factor by which the last one's error is still too large.
  fileprivate mutating func filter(_ wanted: Int, growth: Double, reduction: Double) {
    guard let (degree, bound) = degree(wanted, growth: growth, reduction: reduction) else { return }
    filter(degree: degree, bound: bound)
  }

  private func degree(
    _ wanted: Int, growth: Double, reduction: Double
  ) -> (degree: Int, bound: Double)? {
    guard let bound = values.last, let first = values.first, bound > 0 else { return nil }
    func rate(_ value: Double) -> Double { acosh(max(2 * value / bound - 1, 1)) }
    let slowest = rate(values[wanted - 1])
    let spread = rate(first) - slowest
    let limit = Int(log(growth) / max(spread, 1e-3))
    let needed = Int((acosh(max(reduction, 1)) / max(slowest, 1e-3)).rounded(.up))
    return (max(min(limit, needed, 20), 2), bound)
  }
}

extension DirectionBlock<Double> {
  /// The filter again, by corrections in Float32; `rough` is a block over the same weight.
  fileprivate mutating func correct(
    _ wanted: Int, reduction: Double, by rough: inout DirectionBlock<Float>
  ) {
    guard let (degree, bound) = degree(wanted, growth: 1e10, reduction: reduction) else { return }
    correct(degree: degree, bound: bound, by: &rough)
  }
}
