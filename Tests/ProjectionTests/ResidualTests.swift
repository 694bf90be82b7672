import Adapters
import Bases
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// Pairs of an update against dense decompositions, and codes against the error they are about.
@Suite struct ResidualTests {
  let update = Samples.update(outFeatures: 13, inFeatures: 10, rank: 4, seed: 81)
  let curvature = Curvature(
    input: Samples.moment(10, samples: 30, seed: 82),
    output: Samples.moment(13, samples: 30, seed: 83))

  private func root(_ moment: SecondMoment?) throws -> Matrix<Double> {
    try SymmetricEigen(try #require(moment).matrix).map { max($0, 0).squareRoot() }
  }

  /// `tr(G E C Eᵀ)` of `ΔW − X`, formed in full.
  private func error(_ found: Matrix<Double>, _ curvature: Curvature?) -> Double {
    let delta = Samples.delta(update)
    let rest = Matrix(
      rows: 13, columns: 10, elements: zip(delta.elements, found.elements).map { $0.0 - $0.1 })
    let g = curvature?.output?.matrix ?? .identity(13)
    let c = curvature?.input?.matrix ?? .identity(10)
    let product = g.times(rest).times(c)
    return zip(product.elements, rest.elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The values are those of a dense `G^½ ΔW C^½`, and all pairs together are the update.
  @Test func pairsAreTheWeightedDecomposition() throws {
    let pairs = try WeightedPairs(of: update, curvature: curvature, ridge: 0)
    let dense = try SVD(
      root(curvature.output).times(Samples.delta(update))
        .times(root(curvature.input)))
    #expect(pairs.values.count == 4)
    for (found, expected) in zip(pairs.values, dense.values) {
      #expect(abs(found - expected) < 1e-6 * dense.values[0])
    }
    var whole = Matrix<Double>(rows: 13, columns: 10)
    for pair in 0..<4 {
      let part = pairs.output.selectingColumns([pair])
        .times(pairs.input.selectingColumns([pair]), transposeOther: true)
      for index in whole.elements.indices {
        whole.elements[index] += pairs.values[pair] * part.elements[index]
      }
    }
    #expect(error(whole, curvature) < 1e-9 * error(Matrix(rows: 13, columns: 10), curvature))
    let plain = try WeightedPairs(of: update, curvature: nil)
    let expected = try SVD(Samples.delta(update)).values
    for (found, value) in zip(plain.values, expected) { #expect(abs(found - value) < 1e-6) }
  }

  @Test func anUpdateOfNothingHasNoPairs() throws {
    let nothing = LowRankUpdate(
      moduleName: "m", loraA: Matrix(rows: 2, columns: 10), loraB: Matrix(rows: 13, columns: 2),
      scaling: 1)
    let pairs = try WeightedPairs(of: nothing, curvature: curvature)
    #expect(pairs.values.isEmpty)
    let residual = try Projection.residual(
      of: nothing, pairs: pairs, largestCodes: [7, 7, 7], curvature: curvature)
    #expect(residual.count == 0)
  }

  private func fitted(
    _ residual: ResidualPairs, _ curvature: Curvature?
  ) throws -> Matrix<Double> {
    let remainder = try Projection.remainder(
      of: update, beside: residual, curvature: curvature,
      method: curvature == nil ? .projected : .kfac, ridge: 0)
    let rest = Samples.delta(remainder)
    return Matrix(
      rows: 13, columns: 10,
      elements: zip(Samples.delta(update).elements, rest.elements).map { $0.0 - $0.1 })
  }

  /// Codes that know the curvature leave less weighted error than plain rounding, and more levels less still; the
  /// remainder is orthogonal to the pairs.
  @Test func codesServeTheWeightedError() throws {
    let pairs = try WeightedPairs(of: update, curvature: curvature, ridge: 0)
    var last = error(Matrix(rows: 13, columns: 10), curvature)
    for largestCode in [1, 3, 7] {
      let residual = try Projection.residual(
        of: update, pairs: pairs, largestCodes: [largestCode, largestCode], curvature: curvature,
        ridge: 0)
      #expect(residual.output.codes.allSatisfy { abs(Int($0)) <= largestCode })
      #expect(residual.count == 2 && residual.input.features == 10)
      let found = try error(fitted(residual, curvature), curvature)
      #expect(found < last)
      last = found
    }
    let blind = try Projection.residual(
      of: update, pairs: pairs, largestCodes: [7, 7], curvature: nil)
    #expect(try error(fitted(blind, curvature), curvature) > last)
    // Two exact pairs are the limit.
    let limit = pairs.values.dropFirst(2).reduce(0) { $0 + $1 * $1 }
    #expect(last > limit && last < 1.1 * limit)
  }

  @Test func codedColumnsHaveLengthOne() {
    let columns = CodedColumns(features: 3, count: 2, codes: [3, 0, -4, 0, 0, 0])
    #expect(columns.matrix == Matrix(rows: 3, columns: 2, elements: [0.6, 0, 0, 0, -0.8, 0]))
  }

  /// Strong pairs are kept finely, weak ones coarsely or not at all, and dear ones later than cheap ones.
  @Test func aPlanSpendsBitsWhereTheyServeMost() {
    let plan = PairPlan(
      energies: [[100, 1], [100, 1], [0, 0]], features: [1000, 2000, 10], bytes: 1400, limit: 7)
    #expect(plan.largestCodes == [[7], [5], []])
    let small = PairPlan(energies: [[100, 30], [1]], features: [100, 100], bytes: 54, limit: 7)
    #expect(small.largestCodes == [[2, 1], []])
    let coarse = PairPlan(energies: [[9, 4], [1]], features: [10, 10], bytes: 1 << 20, limit: 1)
    #expect(coarse.largestCodes == [[1, 1], [1]])
    #expect(PairPlan(count: 2, of: [4, 1, 0], largestCode: 3).largestCodes == [[3, 3], [3], []])
  }

  @Test func pairsGoWhereTheyAreWorthMost() {
    let worth: [[Double]] = [[9, 1], [8, 7, 6], [0.5]]
    #expect(
      Projection.pairCounts(worth: worth, cost: [10, 10, 1], budget: 41) == [1, 3, 1])
    #expect(
      Projection.pairCounts(worth: worth, cost: [10, 10, 1], budget: 9) == [0, 0, 1])
  }

  /// A smaller range for both sides of one pair, and nothing of another.
  @Test func coarsensOnePair() {
    let pairs = ResidualPairs(
      output: CodedColumns(features: 3, count: 2, codes: [7, -4, 1, 3, 0, -3]),
      input: CodedColumns(features: 2, count: 2, codes: [1, -1, 5, 2]))
    let first = pairs.coarsened(column: 0)
    #expect(first.output.codes == [6, -3, 1, 3, 0, -3])
    #expect(first.input == pairs.input)
    #expect(pairs.coarsened(column: 1).output.codes == [7, -4, 1, 2, 0, -2])
    #expect(pairs.coarsened(column: 1).input.codes == [1, -1, 4, 2])
  }
}
