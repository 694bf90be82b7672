import Bases
import Faults
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// Rounding with compensation, judged by the quadratic form that it is for.
@Suite struct RoundingTests {
  private func problem(_ seed: UInt64) throws -> (ModuleBasis, Curvature, Matrix<Float>) {
    let basis = try SingularBasis(weight: Samples.normal(20, 16, seed: seed), moduleName: "m")
    let choice = BasisSelection.selected(output: Array(0..<12), input: [1, 4, 9])
    let curvature = Curvature(
      input: Samples.moment(16, samples: 40, seed: seed + 1),
      output: Samples.moment(20, samples: 50, seed: seed + 2))
    return (
      try basis.moduleBasis(for: choice), curvature, Samples.normal(12, 3, seed: seed + 3)
    )
  }

  /// `tr(Eᵀ·UᵀGU·E·VᵀCV)`, written out.
  private func error(
    _ found: Matrix<Float>, _ latent: Matrix<Float>, _ basis: ModuleBasis, _ curvature: Curvature
  ) throws -> Double {
    var difference = found.inDouble
    for index in difference.elements.indices {
      difference.elements[index] -= Double(latent.elements[index])
    }
    let (u, v) = (basis.outputBasis.inDouble, basis.inputBasis.inDouble)
    let g = try #require(curvature.output).matrix
    let c = try #require(curvature.input).matrix
    let update = u.times(difference).times(v, transposeOther: true)
    return zip(update.elements, g.times(update).times(c).elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  private func toHalves(_ column: [Float]) -> (Float) -> Float {
    { ($0 * 2).rounded() / 2 }
  }

  @Test func laterNumbersMakeUpForEarlierErrors() throws {
    var (plain, carried) = (0.0, 0.0)
    for seed in (0..<6).map({ UInt64(40 + 10 * $0) }) {
      let (basis, curvature, latent) = try problem(seed)
      let found = try Projection.rounded(
        latent, basis: basis, curvature: curvature, ridge: 1e-6, rounding: toHalves)
      #expect(found.elements.allSatisfy { $0 * 2 == ($0 * 2).rounded() })
      var nearest = latent
      for index in nearest.elements.indices {
        nearest.elements[index] = (nearest.elements[index] * 2).rounded() / 2
      }
      carried += try error(found, latent, basis, curvature)
      plain += try error(nearest, latent, basis, curvature)
    }
    #expect(carried < 0.8 * plain, "\(carried) of \(plain)")
  }

  @Test func withoutCurvatureEveryNumberGoesToItsNearest() throws {
    let (basis, _, latent) = try problem(7)
    let found = try Projection.rounded(
      latent, basis: basis, curvature: Curvature(), rounding: toHalves)
    for (left, right) in zip(found.elements, latent.elements) {
      #expect(left == (right * 2).rounded() / 2)
    }
  }

  @Test func aMomentOfAnotherModuleIsRefused() throws {
    let (basis, _, latent) = try problem(8)
    let found = fault { () throws(Fault) in
      try Projection.rounded(
        latent, basis: basis,
        curvature: Curvature(input: Samples.moment(5, samples: 9, seed: 1)),
        rounding: toHalves)
    }
    #expect(found?.code == "PROJ-SHAPE")
  }
}
