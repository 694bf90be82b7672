import Bases
import Faults
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

@Suite struct WhiteningTests {
  /// After whitening the moments are multiples of the identity, and the factors' mean diagonal is 1.
  @Test func whitensBothSides() throws {
    let basis = try ModuleBasis(randomFor: "m", outFeatures: 14, inFeatures: 9, rank: 4, seed: 1)
    let c = Samples.moment(9, samples: 40, seed: 2)
    let g = Samples.moment(14, samples: 40, seed: 3)
    let factors = try WhiteningFactors(
      basis: basis, curvature: Curvature(input: c, output: g), ridge: 0)
    for (factor, columns, moment) in [
      (factors.output, basis.outputBasis, g), (factors.input, basis.inputBasis, c),
    ] {
      let wide = columns.inDouble
      let small = wide.times(moment.matrix.times(wide), transposeSelf: true)
      let white = factor.times(small).times(factor)
      let scale = white[0, 0]
      var identity = Matrix<Double>.identity(4)
      for index in 0..<4 { identity[index, index] = scale }
      #expect(relativeError(white.elements, identity.elements) < 1e-9)
      let trace = (0..<4).reduce(0.0) { $0 + factor[$1, $1] }
      #expect(abs(trace / 4 - 1) < 1e-12)
    }
  }

  @Test func missingMomentsGiveTheIdentity() throws {
    let basis = try ModuleBasis(randomFor: "m", outFeatures: 5, inFeatures: 6, rank: 3, seed: 1)
    let factors = try WhiteningFactors(basis: basis, curvature: Curvature())
    #expect(factors.output == .identity(3) && factors.input == .identity(3))
  }

  @Test func momentsOfAnotherSizeAreRefused() throws {
    let basis = try ModuleBasis(randomFor: "m", outFeatures: 5, inFeatures: 6, rank: 3, seed: 1)
    let wrong = Curvature(input: Samples.zeroMoment(5))
    #expect { try WhiteningFactors(basis: basis, curvature: wrong) } throws: {
      ($0 as? Fault)?.code == "PROJ-SHAPE"
    }
  }
}
