import Bases
import Faults
import Files
import Foundation
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// Canonical coordinates: a function of the span, not of the vectors LAPACK happened to return.
@Suite struct CanonicalCoordinatesTests {
  @Test func topSpansTheFirstDirections() throws {
    let basis = try SingularBasis(weight: Samples.weight(30, 22, seed: 41), moduleName: "m")
    let top = try basis.moduleBasis(for: .top(rank: 5, omegaSeed: 7))
    #expect(Samples.defect(ofColumns: top.outputBasis) < 1e-6)
    #expect(Samples.defect(ofColumns: top.inputBasis) < 1e-6)
    // U_cᵀ W V_c and U_rᵀ W V_r have the same singular values: the first five of W.
    let weight = Samples.weight(30, 22, seed: 41).inDouble
    let core = top.outputBasis.inDouble.times(weight, transposeSelf: true)
      .times(top.inputBasis.inDouble)
    let found = try SVD(core).values
    #expect(relativeError(found, Array(basis.singularValues.prefix(5))) < 1e-6)
    #expect(top.outputSingularValues == Array(basis.singularValues.prefix(5)))
    #expect(top.condition >= 1)
  }

  /// Both routes order and rotate differently inside; the canonical coordinates must not.
  @Test func topDoesNotDependOnTheRoute() throws {
    let weight = Samples.weight(33, 26, seed: 42)
    let a = try SingularBasis(weight: weight, moduleName: "m", route: .gram)
      .moduleBasis(for: .top(rank: 6, omegaSeed: 1))
    let b = try SingularBasis(weight: weight, moduleName: "m", route: .direct)
      .moduleBasis(for: .top(rank: 6, omegaSeed: 1))
    #expect(relativeError(a.outputBasis.elements, b.outputBasis.elements) < 1e-6)
    #expect(relativeError(a.inputBasis.elements, b.inputBasis.elements) < 1e-6)
  }

  /// Near-equal singular values inside the span rotate freely under rounding of the weight; the span
  /// and hence its canonical coordinates stay.
  @Test func topIgnoresRotationsInsideTheSpan() throws {
    let spectrum: [Double] = [4, 4.000_001, 3.999_999, 4.000_000_5, 2, 1, 0.5]
    let left = try Samples.orthonormal(20, 7, seed: 43)
    let right = try Samples.orthonormal(15, 7, seed: 44)
    let spin = try Samples.orthonormal(4, 4, seed: 45)
    func weight(rotated: Bool) -> Matrix<Float> {
      var u = left
      var v = right
      if rotated {
        let four = Array(0..<4)
        let turnedU = left.selectingColumns(four).times(spin)
        let turnedV = right.selectingColumns(four).times(spin)
        for column in 0..<4 {
          for row in 0..<20 { u[row, column] = turnedU[row, column] }
          for row in 0..<15 { v[row, column] = turnedV[row, column] }
        }
      }
      for row in 0..<20 {
        for column in 0..<7 { u[row, column] *= spectrum[column] }
      }
      return u.times(v, transposeOther: true).inFloat
    }
    let plain = try SingularBasis(weight: weight(rotated: false), moduleName: "m")
    let turned = try SingularBasis(weight: weight(rotated: true), moduleName: "m")
    // The vectors differ …
    #expect(relativeError(plain.inputRows.elements, turned.inputRows.elements) > 0.1)
    // … the coordinates of the span do not, to what the weights differ by over the gap.
    let a = try plain.moduleBasis(for: .top(rank: 4, omegaSeed: 3))
    let b = try turned.moduleBasis(for: .top(rank: 4, omegaSeed: 3))
    #expect(relativeError(a.inputBasis.elements, b.inputBasis.elements) < 1e-4)
    #expect(relativeError(a.outputBasis.elements, b.outputBasis.elements) < 1e-4)
  }

  /// The q/k row order of GGUF moves rows of U and nothing else.
  @Test func rowPermutationMovesOnlyOutputRows() throws {
    let weight = Samples.weight(24, 18, seed: 46)
    var generator = SeededGenerator(seed: 47)
    let order = generator.permutation(24)
    let basis = try SingularBasis(weight: weight, moduleName: "m")
    let moved = try SingularBasis(weight: weight.selectingRows(order), moduleName: "m")
    for selection in [
      BasisSelection.top(rank: 5, omegaSeed: 9), .selected(output: [0, 3, 17], input: [2, 5]),
    ] {
      let a = try basis.moduleBasis(for: selection)
      let b = try moved.moduleBasis(for: selection)
      #expect(
        relativeError(b.outputBasis.elements, a.outputBasis.selectingRows(order).elements) < 1e-6)
      #expect(relativeError(b.inputBasis.elements, a.inputBasis.elements) < 1e-6)
    }
  }

  /// A cluster is found, canonical, and taken whole or not at all.
  @Test func clustersAreWhole() throws {
    // Exactly equal: a block diagonal weight with a repeated 3×2 block.
    let block = Samples.weight(3, 2, seed: 48)
    var weight = Matrix<Float>(rows: 7, columns: 5)
    for row in 0..<3 {
      for column in 0..<2 {
        weight[row, column] = block[row, column]
        weight[row + 3, column + 2] = block[row, column]
      }
    }
    weight[6, 4] = 0.01
    let gram = try SingularBasis(weight: weight, moduleName: "m", route: .gram)
    let direct = try SingularBasis(weight: weight, moduleName: "m", route: .direct)
    #expect(gram.clusters == [0..<2, 2..<4])
    #expect(gram.cluster(of: 3) == 2..<4 && gram.cluster(of: 4) == 4..<5)
    // Inside a cluster LAPACK may return anything; the canonical coordinates agree.
    #expect(relativeError(gram.inputRows.elements, direct.inputRows.elements) < 1e-9)
    #expect(relativeError(gram.outputRows.elements, direct.outputRows.elements) < 1e-9)
    #expect(Samples.defect(ofRows: gram.inputRows) < 1e-12)
    #expect(gram.admissibleRank(3) == 2 && gram.admissibleRank(4) == 4)
    #expect(gram.admissibleRank(1) == 0 && gram.admissibleRank(99) == 5)
    for selection in [
      BasisSelection.top(rank: 3, omegaSeed: 0), .selected(output: [0], input: [0, 1]),
      .selected(output: [0, 1], input: [1, 2, 3]),
    ] {
      #expect { try gram.moduleBasis(for: selection) } throws: {
        ($0 as? Fault)?.code == "BASIS-CLUSTER"
      }
    }
    #expect(
      try gram.moduleBasis(for: .selected(output: [0, 1], input: [2, 3, 4])).inputBasis.columns
        == 3)
  }

  @Test func selectionsAreValidated() throws {
    let basis = try SingularBasis(weight: Samples.weight(6, 4, seed: 49), moduleName: "m")
    let bad: [BasisSelection] = [
      .selected(output: [4], input: [0]), .selected(output: [0], input: [-1]),
      .selected(output: [1, 0], input: [0]), .selected(output: [1, 1], input: [0]),
    ]
    for selection in bad {
      #expect { try basis.moduleBasis(for: selection) } throws: {
        ($0 as? Fault)?.code == "BASIS-INDEX"
      }
    }
    for selection in [BasisSelection.top(rank: 5, omegaSeed: 0), .random(rank: 5, seed: 0)] {
      #expect { try basis.moduleBasis(for: selection) } throws: {
        ($0 as? Fault)?.code == "BASIS-RANK"
      }
    }
    let chosen = try basis.moduleBasis(for: .selected(output: [1, 3], input: [0]))
    #expect(chosen.outputBasis == basis.outputVectors([1, 3]))
    #expect(chosen.inputBasis == basis.inputVectors.selectingColumns([0]))
    #expect(chosen.outputSingularValues == [1, 3].map { basis.singularValues[$0] })
  }

  @Test func randomControlIsOrthonormalAndReproducible() throws {
    let a = try ModuleBasis(randomFor: "m", outFeatures: 20, inFeatures: 11, rank: 4, seed: 5)
    let b = try ModuleBasis(randomFor: "m", outFeatures: 20, inFeatures: 11, rank: 4, seed: 5)
    let other = try ModuleBasis(randomFor: "n", outFeatures: 20, inFeatures: 11, rank: 4, seed: 5)
    #expect(a.outputBasis == b.outputBasis && a.inputBasis == b.inputBasis)
    #expect(a.outputBasis != other.outputBasis)
    #expect(Samples.defect(ofColumns: a.outputBasis) < 1e-6)
    #expect(Samples.defect(ofColumns: a.inputBasis) < 1e-6)
    #expect(a.outputSingularValues.isEmpty)
  }

  /// Products of factors with themselves are larger than tall factors: kept where asked for, the same where not.
  @Test func gramsAreKeptWhereAskedFor() throws {
    let basis = try ModuleBasis(
      randomFor: "m", outFeatures: 20, inFeatures: 30, rank: LatentRank(output: 18, input: 4),
      seed: 5)
    #expect(basis.byteCount == 4 * (20 * 18 + 30 * 4))
    let kept = basis.keepingGrams
    #expect(kept.byteCount == basis.byteCount + 8 * (18 * 18 + 4 * 4))
    #expect(kept.grams.output == basis.grams.output && kept.grams.input == basis.grams.input)
    for index in 0..<18 { #expect(abs(basis.grams.output[index, index] - 1) < 1e-6) }
  }

  /// Factors on disk come back as they were, and take no memory meanwhile.
  @Test func shelvedFactorsComeBack() throws {
    let basis = try ModuleBasis(
      randomFor: "m", outFeatures: 20, inFeatures: 30, rank: LatentRank(output: 18, input: 4),
      seed: 5)
    let file = try ScratchFile(in: NSTemporaryDirectory())
    var residual = Matrix<Float>(rows: 20, columns: 1)
    residual[3, 0] = 1
    let shelved = try ShelvedBasis(basis, in: file)
    let larger = try shelved.replacingResidual(
      output: residual, input: Matrix(rows: 30, columns: 1))
    #expect(shelved.byteCount == 0 && larger.byteCount == 0)
    #expect(shelved.selection == basis.selection && larger.residualCount == 1)
    let (whole, both) = (try shelved.whole(), try larger.whole())
    #expect(whole.outputBasis == basis.outputBasis && whole.inputBasis == basis.inputBasis)
    #expect(both.outputBasis == basis.outputBasis.appending(columns: residual))
    let held = ShelvedBasis(basis)
    #expect(held.byteCount == basis.byteCount)
    #expect(try held.whole().outputBasis == basis.outputBasis)
  }
}
