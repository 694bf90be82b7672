import Adapters
import Bases
import Faults
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// The choice of directions against the optimum by brute force, and its invariants.
@Suite struct SelectionTests {
  /// The weighted energy the fit of §3 captures in a choice.
  private func captured(
    _ selection: BasisSelection, _ update: LowRankUpdate, _ basis: SingularBasis,
    _ curvature: Curvature?
  ) throws -> Double {
    let fit = try Projection.fit(
      update: update, basis: try basis.moduleBasis(for: selection), curvature: curvature,
      method: curvature == nil ? .projected : .kfac, ridge: 1e-3)
    return try #require(fit.weightedCapturedEnergy ?? fit.capturedEnergy)
  }

  private func pairs(_ count: Int) -> [[Int]] {
    (0..<count).flatMap { a in (a + 1..<count).map { [a, $0] } }
  }

  private func sample(_ seed: UInt64) throws -> (LowRankUpdate, SingularBasis, Curvature) {
    let update = Samples.update(outFeatures: 7, inFeatures: 6, rank: 2, seed: seed)
    let basis = try SingularBasis(weight: Samples.normal(7, 6, seed: seed + 1), moduleName: "m")
    let curvature = Curvature(
      input: Samples.moment(6, samples: 12, seed: seed + 2),
      output: Samples.moment(7, samples: 14, seed: seed + 3))
    return (update, basis, curvature)
  }

  /// Over 20 problems the exchange search mostly finds the best of all 225 choices, and 97% of it on
  /// average; a pair that only helps together can be missed.
  @Test func exchangeIsNearTheBruteForceOptimum() throws {
    var optima = 0
    var ratios = 0.0
    for seed in (0..<20).map({ UInt64(100 + 10 * $0) }) {
      let (update, basis, curvature) = try sample(seed)
      var best = 0.0
      for output in pairs(basis.count) {
        for input in pairs(basis.count) {
          best = max(
            best, try captured(.selected(output: output, input: input), update, basis, curvature))
        }
      }
      let found = try captured(
        Projection.select(
          update: update, basis: basis, curvature: curvature, rank: 2, ridge: 1e-3),
        update, basis, curvature)
      #expect(found >= 0.7 * best, "seed \(seed): \(found) of \(best)")
      ratios += found / best
      if found >= best * (1 - 1e-6) { optima += 1 }
    }
    #expect(optima >= 15, "\(optima) of 20")
    #expect(ratios / 20 >= 0.97, "\(ratios / 20)")
  }

  @Test func searchesImproveInOrder() throws {
    var sums: [DirectionSearch: Double] = [:]
    for seed in (0..<10).map({ UInt64(500 + 10 * $0) }) {
      let update = Samples.update(outFeatures: 30, inFeatures: 24, rank: 4, seed: seed)
      let basis = try SingularBasis(weight: Samples.normal(30, 24, seed: seed + 1), moduleName: "m")
      let curvature = Curvature(
        input: Samples.moment(24, samples: 60, seed: seed + 2),
        output: Samples.moment(30, samples: 60, seed: seed + 3))
      for search in DirectionSearch.allCases {
        let choice = try Projection.select(
          update: update, basis: basis, curvature: curvature, rank: 5, search: search, ridge: 1e-3)
        #expect(choice.outputRank == 5 && choice.inputRank == 5)
        sums[search, default: 0] += try captured(choice, update, basis, curvature)
      }
    }
    let values = DirectionSearch.allCases.map { sums[$0] ?? 0 }
    #expect(values == values.sorted(), "\(values)")
  }

  /// Without curvature and with a LoRA of rank 1 the optimum is the largest coordinates of each side.
  @Test(arguments: DirectionSearch.allCases)
  func rankOneUpdatesAreSolvedExactly(search: DirectionSearch) throws {
    let update = Samples.update(outFeatures: 12, inFeatures: 9, rank: 1, seed: 61)
    let basis = try SingularBasis(weight: Samples.normal(12, 9, seed: 62), moduleName: "m")
    let left = basis.outputRows.times(update.loraB.inDouble).elements.map { abs($0) }
    let right = basis.inputRows.times(update.loraA.inDouble, transposeOther: true).elements
      .map { abs($0) }
    func largest(_ values: [Double]) -> [Int] {
      Array(values.indices.sorted { values[$0] > values[$1] }.prefix(3)).sorted()
    }
    let found = try Projection.select(
      update: update, basis: basis, curvature: nil, rank: 3, search: search)
    #expect(found == .selected(output: largest(left), input: largest(right)))
  }

  @Test func ranksAndCandidatesAreClipped() throws {
    let (update, basis, curvature) = try sample(900)
    #expect(
      try Projection.select(update: update, basis: basis, curvature: curvature, rank: 0) == .none)
    let all = Array(0..<basis.count)
    #expect(
      try Projection.select(update: update, basis: basis, curvature: curvature, rank: 99)
        == .selected(output: all, input: all))
    for search in DirectionSearch.allCases {
      let limited = try Projection.select(
        update: update, basis: basis, curvature: curvature, rank: 2, candidates: 3, search: search)
      guard case .selected(let output, let input) = limited else {
        Issue.record("\(limited)")
        continue
      }
      #expect((output + input).allSatisfy { $0 < 3 })
    }
  }

  @Test(arguments: DirectionSearch.allCases)
  func sidesMayDifferInNumber(search: DirectionSearch) throws {
    let (update, basis, curvature) = try sample(910)
    let choice = try Projection.select(
      update: update, basis: basis, curvature: curvature, rank: LatentRank(output: 2, input: 4),
      search: search)
    #expect(choice.outputRank == 2 && choice.inputRank == 4)
    let fit = try Projection.fit(
      update: update, basis: try basis.moduleBasis(for: choice), curvature: curvature,
      method: .kfac)
    #expect(fit.latent.rows == 2 && fit.latent.columns == 4)
  }

  /// Clusters come whole or not at all, so the choice can always be stored.
  @Test(arguments: DirectionSearch.allCases)
  func clustersAreNotSplit(search: DirectionSearch) throws {
    let block = Samples.normal(3, 2, seed: 63)
    var weight = Matrix<Float>(rows: 8, columns: 6)
    for row in 0..<3 {
      for column in 0..<2 {
        weight[row, column] = block[row, column]
        weight[row + 3, column + 2] = block[row, column]
      }
    }
    weight[6, 4] = 0.2
    weight[7, 5] = 0.1
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    #expect(basis.clusters.count == 2)
    for rank in 1...6 {
      let update = Samples.update(outFeatures: 8, inFeatures: 6, rank: 2, seed: UInt64(64 + rank))
      let choice = try Projection.select(
        update: update, basis: basis, curvature: nil, rank: LatentRank(rank), search: search)
      #expect(choice.outputRank <= rank)
      _ = try basis.moduleBasis(for: choice)
    }
  }

  @Test func zeroUpdatesAndZeroMomentsAreChosenFor() throws {
    let (_, basis, curvature) = try sample(950)
    let zero = LowRankUpdate(
      moduleName: "m", loraA: Matrix(rows: 2, columns: 6), loraB: Matrix(rows: 7, columns: 2),
      scaling: 1)
    let flat = Curvature(
      input: Samples.zeroMoment(6), output: Samples.zeroMoment(7))
    for search in DirectionSearch.allCases {
      for moments in [curvature, flat] {
        let choice = try Projection.select(
          update: zero, basis: basis, curvature: moments, rank: 2, search: search)
        #expect(choice.outputRank == 2 && choice.inputRank == 2)
        let fit = try Projection.fit(
          update: zero, basis: try basis.moduleBasis(for: choice), curvature: moments, method: .kfac
        )
        #expect(fit.latent.elements.allSatisfy { $0 == 0 } && fit.capturedEnergy == nil)
        // There is no share of nothing.
        #expect(fit.heldEnergy == nil && fit.weightedCapturedEnergy == nil)
      }
    }
  }

  /// What a choice computed serves the fit in its directions, of updates of any magnitude; in other directions it is refused.
  @Test(arguments: [1, 1e-18, 1e15] as [Float])
  func aFitTakesUpWhatItsChoiceComputed(magnitude: Float) throws {
    for seed in (0..<8).map({ UInt64(700 + 10 * $0) }) {
      var (update, basis, curvature) = try sample(seed)
      var down = update.loraA
      for index in down.elements.indices { down.elements[index] *= magnitude }
      update = LowRankUpdate(
        moduleName: "m", loraA: down, loraB: update.loraB, scaling: update.scaling)
      let choice = try Projection.choose(
        update: update,
        directions: try WeighedDirections(basis.directionRows, curvature: curvature),
        rank: 3)
      let moduleBasis = try basis.moduleBasis(for: choice.selection)
      for method in [ProjectionMethod.projected, .calibrated, .kfac] {
        let alone = try Projection.fit(
          update: update, basis: moduleBasis, curvature: curvature, method: method)
        let after = try Projection.fit(
          update: update, basis: moduleBasis, curvature: curvature, method: method, choice: choice)
        #expect(relativeError(after.latent.elements, alone.latent.elements) < 1e-5)
        let (one, other) = (after.weightedCapturedEnergy, alone.weightedCapturedEnergy)
        #expect(abs(try #require(one) - (try #require(other))) < 1e-6)
      }
      let others = try basis.moduleBasis(for: .selected(output: [0, 5], input: [1, 4]))
      #expect(throws: Fault.self) {
        try Projection.fit(
          update: update, basis: others, curvature: curvature, method: .kfac, choice: choice)
      }
    }
  }
}
