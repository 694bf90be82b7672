import Bases
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// What directions capture by their numbers, and how bytes are divided by it.
@Suite struct BudgetTests {
  @Test func withoutCurvatureEnergiesAreSumsOfSquares() throws {
    let update = Samples.update(outFeatures: 9, inFeatures: 7, rank: 3, seed: 4)
    let basis = try SingularBasis(weight: Samples.normal(9, 7, seed: 5), moduleName: "m")
    let all = Array(0..<basis.count)
    let whole = try Projection.fit(
      update: update, basis: try basis.moduleBasis(for: .selected(output: all, input: all)),
      method: .projected
    ).latent
    let table = try Projection.energies(
      update: update, basis: basis, curvature: nil, inputCounts: [2, basis.count, 100])
    #expect(table.inputCounts == [2, basis.count])
    // Beside all input directions the best outputs are the rows of most energy.
    let rows = all.map { row in
      all.reduce(0.0) { $0 + whole[row, $1] * whole[row, $1] }
    }.sorted(by: >)
    var sum = 0.0
    for (place, row) in rows.enumerated() {
      sum += row
      #expect(abs(table.energies[1][place] - sum) <= 1e-6 * sum)
    }
    #expect(table.energies[0].count == basis.count)
  }

  @Test func energiesGrowAndStayBelowWhatTheSearchFinds() throws {
    let update = Samples.update(outFeatures: 30, inFeatures: 24, rank: 4, seed: 500)
    let basis = try SingularBasis(weight: Samples.normal(30, 24, seed: 501), moduleName: "m")
    let curvature = Curvature(
      input: Samples.moment(24, samples: 60, seed: 502),
      output: Samples.moment(30, samples: 60, seed: 503))
    func energies(_ counts: [Int]) throws -> [[Double]] {
      try Projection.energies(
        update: update, basis: basis, curvature: curvature, inputCounts: counts, ridge: 1e-3
      ).energies
    }
    let table = try energies([1, 3, 24])
    for row in table {
      for (smaller, larger) in zip(row, row.dropFirst()) { #expect(smaller <= larger) }
    }
    for (fewer, more) in zip(table, table.dropFirst()) {
      for (smaller, larger) in zip(fewer, more) { #expect(smaller < larger) }
    }
    func weighted(_ rank: LatentRank) throws -> Double {
      let choice = try Projection.select(
        update: update, basis: basis, curvature: curvature, rank: rank, ridge: 1e-3)
      let fit = try Projection.fit(
        update: update, basis: try basis.moduleBasis(for: choice), curvature: curvature,
        method: .kfac, ridge: 1e-3)
      return try #require(fit.weightedCapturedEnergy)
    }
    // In one unit with the fit's shares: the prediction is near what the search finds, and seldom above.
    let share =
      try weighted(LatentRank(output: 12, input: 3)) / weighted(LatentRank(output: 4, input: 1))
    let predicted = table[1][11] / table[0][3]
    #expect(abs(predicted / share - 1) < 0.25, "\(predicted) and \(share)")
  }

  private func offer(_ output: Int, _ energy: Double, _ bytes: Double) -> BudgetAllocation.Offer {
    .init(rank: LatentRank(output), energy: energy, bytes: bytes)
  }

  @Test func theSteepestStepIsTakenFirstAndLosersGetNothing() {
    let allocation = BudgetAllocation([
      [offer(1, 10, 10), offer(2, 16, 20), offer(3, 17, 30)],
      [offer(1, 1, 10)],
      // Below the line from nothing to the second: never worth taking.
      [offer(1, 1, 10), offer(2, 14, 20)],
      [],
    ])
    #expect(allocation.ranks(within: 9) == [0, 0, 0, 0])
    #expect(allocation.ranks(within: 10) == [1, 0, 0, 0])
    #expect(allocation.ranks(within: 30) == [1, 0, 2, 0])
    #expect(allocation.ranks(within: 40) == [2, 0, 2, 0])
    #expect(allocation.ranks(within: 1000) == [3, 1, 2, 0])
  }

  @Test func noDivisionOfTheBytesUsedHasMoreEnergy() {
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<20 {
      let offers = (0..<3).map { _ in
        (1...4).map { offer($0, 10 * generator.uniform(), Double($0) * (1 + generator.uniform())) }
      }
      func total(_ ranks: [Int], _ value: (BudgetAllocation.Offer) -> Double) -> Double {
        zip(offers, ranks).reduce(0) { $0 + ($1.1 == 0 ? 0 : value($1.0[$1.1 - 1])) }
      }
      let all = (0..<125).map { [$0 / 25, $0 / 5 % 5, $0 % 5] }
      for budget in stride(from: 1.0, to: 24, by: 0.5) {
        let ranks = BudgetAllocation(offers).ranks(within: budget).map(\.output)
        let used = total(ranks) { $0.bytes }
        #expect(used <= budget)
        let best = all.filter { total($0) { $0.bytes } <= used + 1e-9 }
          .map { total($0) { $0.energy } }.max()
        #expect(total(ranks) { $0.energy } >= (best ?? 0) - 1e-9)
      }
    }
  }
}
