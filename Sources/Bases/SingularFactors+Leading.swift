import Faults
import Foundation
import LinearAlgebra
import Tensors

extension SingularFactors {
  /// The leading `count` triplets by a Krylov space, or nil where that does not converge (a cut inside a long cluster,
  /// or too few dimensions): the caller then decomposes the whole.
  ///
  /// Block Lanczos in Float32 until its rounding stops it; from then on only Rayleigh–Ritz needs Float64, once a cycle.
  /// What a Chebyshev filter adds to a Ritz vector is linear in its residual, and a small correction in Float32 is exact
  /// enough (residual-based Chebyshev filters: Kressner, Shao, Miao and others). That until every wanted triplet meets
  /// METHOD §5's limit on residual over gap. Half as many Ritz vectors again as are wanted go into the first
  /// Rayleigh–Ritz: the filter separates the wanted directions from what lies outside them, so that the distance to
  /// their end counts, not the gap at the cut.
  ///
  /// - Complexity: `4·long·short` operations a dimension, four to six times as many as are wanted, and as much again
  ///   for corrections.
  init?(leading count: Int, of matrix: Matrix<Float>) throws(Fault) {
    let weight = WeightOperator(matrix)
    let block = (count * 3 / 2 + 15) / 8 * 8
    guard block * 3 <= weight.short else { return nil }
    let rough = GramOperator(weight, vectors: 10 * count + 200)
    guard let vectors = try BlockLanczos.ritzVectors(block, converged: count, of: rough) else {
      return nil
    }
    var fine = DirectionBlock(weight, vectors: vectors)
    try fine.rayleighRitz()
    // What lies further below the first direction, Float32 does not see.
    guard let bound = fine.values.last, bound > fine.values[0] * 1e-10 else { return nil }
    fine.keep(count)
    var last = Double.infinity
    for cycle in 0... {
      try Interruption.check()
      let error = fine.spanError(count)
      if error <= Convergence.spanLimit / 2 { break }
      // Where one direction dominates, degrees are low and cycles many; rounding may also stand in the way.
      guard cycle < SingularFactors.cycleLimit, error < last / 1.5 else { return nil }
      last = error
      let degree = fine.degree(count, bound: bound)
      fine.correct(degree: degree, bound: bound, by: rough)
      try fine.rayleighRitz()
    }
    self.init(fine, count: fine.wholeClusters(count))
    work = ProductWork(single: rough.operations, double: fine.operations)
  }

  private static let cycleLimit = 16

  /// The first `count` Ritz pairs as triplets, `u = S v / σ`, measured.
  private init(_ block: DirectionBlock, count: Int) {
    values = block.values.prefix(count).map { $0.squareRoot() }
    shortRows = block.vectors.matrix(count)
    var long = block.longImages.matrix(count)
    // ‖S v‖ is σ to second order in v's error; the residual below uses it.
    let norms = long.normalizeRows()
    longRows = long
    var residual = 0.0
    var spanError = 0.0
    var minimumGap = Double.infinity
    for row in 0..<count {
      var sum = 0.0
      for index in row * block.size..<(row + 1) * block.size {
        let difference =
          block.images.elements[index] / norms[row] - norms[row] * block.vectors.elements[index]
        sum += difference * difference
      }
      let gap = block.gap(row)
      minimumGap = min(minimumGap, gap)
      // `max` drops NaN on one side; it must not pass.
      residual = sum.isNaN ? .nan : max(residual, sum.squareRoot())
      spanError = sum.isNaN ? .nan : max(spanError, sum.squareRoot() / gap)
      if sum.isNaN { break }
    }
    let largest = values.first ?? 1
    convergence = Convergence(
      route: .iterated, residual: residual / largest,
      orthogonality: max(longRows.orthogonalityDefect, shortRows.orthogonalityDefect),
      minimumGap: minimumGap / largest, spanError: spanError)
  }
}

extension DirectionBlock {
  /// The largest residual over gap of the first `wanted` pairs, clusters taken as one.
  fileprivate func spanError(_ wanted: Int) -> Double {
    let residuals = residuals()
    var largest = 0.0
    for row in 0..<wanted {
      let error = residuals[row] / gap(row)
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
  fileprivate func gap(_ row: Int) -> Double {
    let sigma = values.map { max($0, 0).squareRoot() }
    let tolerance = (sigma.first ?? 0) * SingularBasis.clusterTolerance
    var (lower, upper) = (row, row)
    while lower > 0, sigma[lower - 1] - sigma[lower] < tolerance { lower -= 1 }
    while upper + 1 < sigma.count, sigma[upper] - sigma[upper + 1] < tolerance { upper += 1 }
    let above = lower == 0 ? Double.infinity : sigma[lower - 1] - sigma[lower]
    let below = upper + 1 < sigma.count ? sigma[upper] - sigma[upper + 1] : 0
    return min(above, below)
  }

  /// The degree that is expected to bring the span error of the first `wanted` pairs to half its limit, or the largest
  /// one that does no harm.
  ///
  /// The first direction may grow at most 1e10 times as much as the last one wanted: beyond that its rounding errors
  /// would drown the others.
  fileprivate func degree(_ wanted: Int, bound: Double) -> Int {
    func rate(_ value: Double) -> Double { max(acosh(max(2 * value / bound - 1, 1)), 1e-3) }
    let residuals = residuals()
    var needed = 2.0
    for row in 0..<wanted {
      let excess = 4 * residuals[row] / gap(row) / Convergence.spanLimit
      needed = max(needed, acosh(max(excess, 1)) / rate(values[row]))
    }
    let limit = log(1e10) / max(rate(values[0]) - rate(values[wanted - 1]), 1e-3)
    return max(Int(min(needed.rounded(.up), limit, 20)), 2)
  }
}
