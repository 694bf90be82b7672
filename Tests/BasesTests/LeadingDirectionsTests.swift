import Bases
import Faults
import LinearAlgebra
import Tensors
import TestSupport
import Testing
import Threads

/// Leading directions by iteration against the whole decomposition of the same weight.
@Suite struct LeadingDirectionsTests {
  @Test(arguments: [(400, 260), (260, 400), (300, 300)])
  func iterationFindsWhatTheDecompositionFinds(shape: (rows: Int, columns: Int)) throws {
    let weight = Samples.weight(shape.rows, shape.columns, seed: 71)
    let whole = try SingularBasis(weight: weight, moduleName: "m", route: .gram)
    let part = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    #expect(part.isPartial && !whole.isPartial)
    #expect(part.convergence.isAccepted)
    try #require(part.count >= 12 && part.count < 40)
    let indices = Array(0..<part.count)
    #expect(
      relativeError(part.singularValues, Array(whole.singularValues.prefix(part.count))) < 1e-10)
    // Signs are canonical, so the vectors themselves agree, to the limit on residual over gap.
    let output = whole.outputRows.selectingRows(indices)
    #expect(relativeError(part.outputRows.elements, output.elements) < 1e-5)
    let input = whole.inputRows.selectingRows(indices)
    #expect(relativeError(part.inputRows.elements, input.elements) < 1e-5)
  }

  /// The error that is stated is the error that is there.
  @Test func statedResidualIsTheMeasuredOne() throws {
    let weight = Samples.weight(300, 280, seed: 72)
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 10, route: .iterated)
    let images = basis.outputRows.times(weight.inDouble)
    var worst = 0.0
    for row in 0..<basis.count {
      var sum = 0.0
      for column in 0..<280 {
        let difference =
          images[row, column] - basis.singularValues[row] * basis.inputRows[row, column]
        sum += difference * difference
      }
      worst = max(worst, sum.squareRoot())
    }
    let first = try #require(basis.singularValues.first)
    #expect(abs(worst / first - basis.convergence.residual) < 1e-12)
    #expect(worst / first < 1e-7)
  }

  /// Equal singular values across the last wanted direction: the cluster is left out, never cut.
  @Test func aClusterAcrossTheEndIsNotCut() throws {
    var spectrum = (0..<10).map { 2 - 0.1 * Double($0) }
    spectrum += [Double](repeating: 0.9, count: 4)
    spectrum += (2..<228).map { 0.8 / Double($0) }
    let weight = try Samples.weight(260, 240, spectrum: spectrum, seed: 73)
    // 12 would end inside directions 10 to 13.
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    #expect(basis.count >= 14)
    #expect(basis.clusters.allSatisfy { $0.upperBound <= basis.count })
  }

  @Test func topDirectionsOfAPartAreThoseOfTheWhole() throws {
    let weight = Samples.weight(260, 260, seed: 74)
    let part = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    let top = try part.moduleBasis(for: .top(rank: 12, omegaSeed: 3))
    let whole = try SingularBasis(weight: weight, moduleName: "m", route: .gram)
    let same = try whole.moduleBasis(for: .top(rank: 12, omegaSeed: 3))
    #expect(relativeError(top.inputBasis.elements, same.inputBasis.elements) < 1e-5)
    #expect(relativeError(top.outputBasis.elements, same.outputBasis.elements) < 1e-5)
    #expect(throws: Fault.self) {
      try part.moduleBasis(for: .top(rank: part.count + 1, omegaSeed: 3))
    }
  }

  /// More equal values than a block of start vectors can find: the whole is decomposed, none is missed.
  @Test func aClusterLongerThanABlockIsNotMissed() throws {
    var spectrum = [3.0, 2.5] + [Double](repeating: 1, count: 40)
    spectrum += (0..<158).map { 0.5 / Double($0 + 1) }
    let weight = try Samples.weight(220, 200, spectrum: spectrum, seed: 75)
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    #expect(basis.count >= 42)
    for index in 2..<42 { #expect(abs(basis.singularValues[index] - 1) < 1e-5) }
  }

  /// One direction far above a flat bulk: corrections of low degree, and many of them.
  @Test(arguments: [8, 30] as [Float]) func aDominatingDirectionCostsNoDecomposition(
    share: Float
  ) throws {
    var weight = Samples.weight(700, 640, seed: 80)
    let (left, right) = (Samples.weight(700, 1, seed: 81), Samples.weight(1, 640, seed: 82))
    // The bulk ends at some √700 + √640; the outer product is share times as long.
    let scale = share * 52 / (700 * 640).squareRoot()
    for row in 0..<700 {
      for column in 0..<640 {
        weight[row, column] += scale * left[row, 0] * right[0, column]
      }
    }
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 16)
    #expect(basis.isPartial && basis.convergence.isAccepted)
    let whole = try SingularBasis(weight: weight, moduleName: "m", route: .gram)
    #expect(
      relativeError(basis.singularValues, Array(whole.singularValues.prefix(basis.count))) < 1e-10)
  }

  /// Nearly equal values throughout, as of an orthogonal weight: given up early, decomposed instead.
  @Test func aFlatSpectrumIsDecomposed() throws {
    let spectrum = (0..<400).map { (1.2 - 0.001 * Double($0)).squareRoot() }
    let weight = try Samples.weight(420, 400, spectrum: spectrum, seed: 83)
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 16)
    #expect(basis.count >= 16 && basis.convergence.isAccepted)
    let found = Array(basis.singularValues.prefix(16))
    #expect(relativeError(found, Array(spectrum.prefix(16))) < 1e-6)
  }

  /// More wanted than there are.
  @Test(arguments: [0, 1, 240, Int.max]) func anyNumberMayBeWanted(leading: Int) throws {
    let weight = Samples.weight(260, 240, seed: 84)
    let basis = try SingularBasis(
      weight: weight, moduleName: "m", leading: leading, route: .iterated)
    #expect(basis.count >= min(leading, 240) && basis.convergence.isAccepted)
  }

  /// Scales whose squares Float32 cannot hold, or hardly, and a weight with fewer directions than are wanted.
  @Test(arguments: [Float(1e25), 1e18, 1e13, 1e-11, 1e-13, 1e-22, 1e-25])
  func extremeScalesAndMissingDirections(scale: Float) throws {
    var weight = Samples.weight(260, 240, seed: 76)
    for index in weight.elements.indices { weight.elements[index] *= scale }
    let basis = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    #expect(basis.count >= 12 && basis.convergence.isAccepted)

    // Columns from the sixth on are zero.
    for index in weight.elements.indices where index % 240 >= 6 { weight.elements[index] = 0 }
    let few = try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    #expect(few.count == 6 && few.convergence.isAccepted)
  }

  /// Threads share out products; the directions are the same.
  @Test func threadsChangeNothing() throws {
    let weight = Samples.weight(1100, 400, seed: 79)
    let one = try withThreads(1) {
      try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    }
    let two = try withThreads(16) {
      try SingularBasis(weight: weight, moduleName: "m", leading: 12, route: .iterated)
    }
    #expect(one.isPartial && two.isPartial)
    #expect(two.outputRows == one.outputRows && two.singularValues == one.singularValues)
  }
}
