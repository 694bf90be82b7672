import Bases
import Faults
import LinearAlgebra
import Projection
import Tensors
import Testing

/// Directions and first latents without an update.
@Suite struct ScratchTests {
  private func basis(_ rows: Int = 14, _ columns: Int = 10) throws -> SingularBasis {
    try SingularBasis(weight: Samples.normal(rows, columns, seed: 3), moduleName: "m")
  }

  private func weighed(_ basis: SingularBasis) throws -> WeighedDirections {
    try WeighedDirections(
      basis.directionRows,
      curvature: Curvature(
        input: Samples.moment(basis.inFeatures, samples: 40, seed: 5),
        output: Samples.moment(basis.outFeatures, samples: 40, seed: 6)))
  }

  /// `xᵀ S x` of every direction, the ridge included, which is the same for all.
  private func weights(_ rows: Matrix<Double>, _ moment: SecondMoment) -> [Double] {
    (0..<rows.rows).map { index in
      let direction = rows.selectingRows([index])
      return direction.times(moment.matrix).times(direction, transposeOther: true)[0, 0]
    }
  }

  /// What is chosen moves the loss more than what is not, on both sides.
  @Test func theDirectionsOfLargestMomentsAreChosen() throws {
    let basis = try basis()
    let selection = try Projection.select(
      directions: try weighed(basis), rank: LatentRank(output: 4, input: 3))
    guard case .selected(let output, let input) = selection else {
      Issue.record("\(selection)")
      return
    }
    for (chosen, count, rows, moment) in [
      (output, 4, basis.outputRows, Samples.moment(basis.outFeatures, samples: 40, seed: 6)),
      (input, 3, basis.inputRows, Samples.moment(basis.inFeatures, samples: 40, seed: 5)),
    ] {
      let weights = weights(rows, moment)
      let order = weights.indices.sorted { weights[$0] > weights[$1] }
      #expect(chosen == order.prefix(count).sorted())
    }
    // More than there are: all of them.
    let all = try Projection.select(directions: try weighed(basis), rank: 99)
    #expect(all.outputRank == 10 && all.inputRank == 10)
  }

  /// Without moments all directions weigh alike, and of alike ones the first are taken.
  @Test func withoutMomentsTheFirstAreTaken() throws {
    let directions = try WeighedDirections(try basis().directionRows, curvature: nil)
    #expect(
      try Projection.select(directions: directions, rank: LatentRank(output: 3, input: 2))
        == .selected(output: [0, 1, 2], input: [0, 1]))
    #expect(try Projection.select(directions: directions, rank: 0) == .none)
  }

  /// A cluster is taken whole or not at all.
  @Test func clustersStayWhole() throws {
    var weight = Matrix<Float>(rows: 6, columns: 6)
    for (index, value) in [9, 5, 5, 3, 2, 1].enumerated() { weight[index, index] = Float(value) }
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    try #require(basis.clusters == [1..<3])
    let directions = try WeighedDirections(basis.directionRows, curvature: nil)
    // The first two would cut it: the first and the next one beside it instead.
    #expect(
      try Projection.select(directions: directions, rank: 2)
        == .selected(output: [0, 3], input: [0, 3]))
  }

  /// Energies are products of sums, which grow with every direction.
  @Test func energiesAreSumsOfProducts() throws {
    let (basis, counts) = (try basis(), [1, 2, 4, 64])
    let table = Projection.energies(
      directions: try weighed(basis), inputCounts: counts, outputLimit: 5)
    #expect(table.inputCounts == [1, 2, 4] && table.energies.allSatisfy { $0.count == 5 })
    for energies in table.energies {
      #expect(zip(energies, energies.dropFirst()).allSatisfy { $0 < $1 })
      // One side's share is the same whatever the other's.
      let ratio = energies[3] / energies[0]
      #expect(abs(ratio - table.energies[0][3] / table.energies[0][0]) < 1e-12 * ratio)
    }
    let first =
      weights(
        basis.outputRows, Samples.moment(basis.outFeatures, samples: 40, seed: 6)
      ).max() ?? 0
    let second =
      weights(
        basis.inputRows, Samples.moment(basis.inFeatures, samples: 40, seed: 5)
      ).max() ?? 0
    // The ridge adds a hundredth of the mean.
    #expect(table.energies[0][0] > first * second)
    #expect(table.energies[0][0] < 1.021 * first * second)
  }

  @Test func latentsStartAtZeroOrNearly() throws {
    let basis = try basis().moduleBasis(for: .selected(output: [0, 2, 3], input: [1, 4]))
    let zero = Projection.start(in: basis, method: .zero, seed: 1, stream: 1)
    #expect(zero.latent == Matrix(rows: 3, columns: 2) && zero.capturedEnergy == nil)
    let wide = try ModuleBasis(
      randomFor: "m", outFeatures: 80, inFeatures: 70, rank: LatentRank(output: 60, input: 50),
      seed: 1)
    func normal(_ seed: UInt64, _ stream: UInt64) -> [Double] {
      Projection.start(in: wide, method: .normal, seed: seed, stream: stream).latent.elements
    }
    let numbers = normal(1, 1)
    let deviation = (numbers.reduce(0) { $0 + $1 * $1 } / Double(numbers.count)).squareRoot()
    #expect(abs(deviation / 1e-5 - 1) < 0.05 && abs(numbers.reduce(0, +)) < 1e-5 * 200)
    #expect(normal(1, 1) == numbers && normal(2, 1) != numbers && normal(1, 2) != numbers)
  }
}
