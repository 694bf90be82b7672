import Adapters
import Bases
import Faults
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// The fits by what defines them: no other latent matrix has a smaller error.
@Suite struct FitTests {
  let update = Samples.update(outFeatures: 13, inFeatures: 10, rank: 3, seed: 51)
  let curvature = Curvature(
    input: Samples.moment(10, samples: 30, seed: 52),
    output: Samples.moment(13, samples: 30, seed: 53))

  private func basis() throws -> ModuleBasis {
    try ModuleBasis(randomFor: "m", outFeatures: 13, inFeatures: 10, rank: 4, seed: 54)
  }

  /// `ΔW − U M Vᵀ`, formed in full.
  private func residual(_ latent: Matrix<Double>, _ basis: ModuleBasis) -> Matrix<Double> {
    let delta = Samples.delta(update)
    let found = basis.outputBasis.inDouble.times(latent)
      .times(basis.inputBasis.inDouble, transposeOther: true)
    return Matrix(
      rows: 13, columns: 10, elements: zip(delta.elements, found.elements).map { $0.0 - $0.1 })
  }

  /// `tr(G E C Eᵀ)`, formed in full.
  private func weighted(_ error: Matrix<Double>, _ curvature: Curvature?) -> Double {
    let g = curvature?.output?.matrix ?? .identity(13)
    let c = curvature?.input?.matrix ?? .identity(10)
    let product = g.times(error).times(c)
    return zip(product.elements, error.elements).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The residual of the normal equations `Uᵀ G (ΔW − U M Vᵀ) C V = 0`.
  @Test(arguments: [ProjectionMethod.projected, .calibrated, .kfac])
  func normalEquationsHold(method: ProjectionMethod) throws {
    let basis = try basis()
    let fit = try Projection.fit(
      update: update, basis: basis, curvature: curvature, method: method, ridge: 0)
    let g = method == .kfac ? curvature.output?.matrix ?? .identity(13) : .identity(13)
    let c =
      method == .projected ? .identity(10) : curvature.input?.matrix ?? .identity(10)
    let gradient = basis.outputBasis.inDouble.times(
      g.times(residual(fit.latent, basis)).times(c), transposeSelf: true
    ).times(basis.inputBasis.inDouble)
    let scale = weighted(Samples.delta(update), method == .kfac ? curvature : nil).squareRoot()
    #expect(gradient.elements.allSatisfy { abs($0) < 1e-5 * scale })
    #expect(fit.selection == basis.selection && fit.moduleName == "m")
  }

  /// Any perturbation of the answer raises the error the method is about.
  @Test(arguments: [UInt64(1), 2, 3])
  func noNeighbourIsBetter(seed: UInt64) throws {
    let basis = try basis()
    let kfac = try Projection.fit(
      update: update, basis: basis, curvature: curvature, method: .kfac, ridge: 0)
    var moved = kfac.latent
    let noise = Samples.normal(4, 4, seed: seed)
    for index in moved.elements.indices {
      moved.elements[index] += 1e-2 * Double(noise.elements[index])
    }
    #expect(
      weighted(residual(moved, basis), curvature)
        > weighted(residual(kfac.latent, basis), curvature))
  }

  @Test func energiesAreWhatTheyClaim() throws {
    let basis = try basis()
    let delta = Samples.delta(update)
    for method in ProjectionMethod.allCases {
      let fit = try Projection.fit(
        update: update, basis: basis, curvature: curvature, method: method)
      let error = residual(fit.latent, basis)
      #expect(
        abs(try #require(fit.capturedEnergy) - (1 - error.squaredNorm / delta.squaredNorm)) < 1e-9)
      let expected = 1 - weighted(error, curvature) / weighted(delta, curvature)
      #expect(abs((fit.weightedCapturedEnergy ?? .nan) - expected) < 1e-9)
      let again = try Projection.capturedEnergy(
        of: fit.latent, update: update, basis: basis, curvature: curvature)
      #expect(again.plain == fit.capturedEnergy && again.weighted == fit.weightedCapturedEnergy)
      if method == .zero { #expect(fit.capturedEnergy == 0) }
      if method == .projected {
        let ratio = fit.latent.squaredNorm / update.squaredNorm
        #expect(abs(try #require(fit.capturedEnergy) - ratio) < 1e-6)
      }
    }
  }

  /// More ridge leads to plain projection, not to zero.
  @Test func ridgeShrinksTowardsProjection() throws {
    let basis = try basis()
    let plain = try Projection.fit(update: update, basis: basis, method: .projected).latent
    let heavy = try Projection.fit(
      update: update, basis: basis, curvature: curvature, method: .kfac, ridge: 1e9
    ).latent
    #expect(relativeError(heavy.elements, plain.elements) < 1e-6)
  }

  /// An update inside the span is found exactly, by every method.
  @Test func updatesInsideTheSpanAreExact() throws {
    let basis = try basis()
    let core = Samples.normal(4, 4, seed: 55).inDouble
    let inside = LowRankUpdate(
      moduleName: "m", loraA: basis.inputBasis.transposed,
      loraB: basis.outputBasis.inDouble.times(core).inFloat, scaling: 0.5)
    for method in [ProjectionMethod.projected, .calibrated, .kfac] {
      let fit = try Projection.fit(
        update: inside, basis: basis, curvature: curvature, method: method)
      #expect(relativeError(fit.latent.elements, core.elements.map { 0.5 * $0 }) < 1e-5)
      #expect(abs(try #require(fit.capturedEnergy) - 1) < 1e-5)
    }
  }

  @Test func partsOfDifferentModulesAreRefused() throws {
    let basis = try basis()
    let other = Samples.update(outFeatures: 10, inFeatures: 13, rank: 3, seed: 56)
    let cases: [(LowRankUpdate, Curvature?, ProjectionMethod, String)] = [
      (other, nil, .projected, "PROJ-SHAPE"),
      (update, Curvature(input: Samples.zeroMoment(9)), .projected, "PROJ-SHAPE"),
      (update, nil, .calibrated, "PROJ-CURVATURE"),
      (update, Curvature(input: curvature.input), .kfac, "PROJ-CURVATURE"),
    ]
    for (update, curvature, method, code) in cases {
      #expect {
        try Projection.fit(update: update, basis: basis, curvature: curvature, method: method)
      } throws: {
        ($0 as? Fault)?.code == code
      }
    }
  }

  /// Eckart–Young for the control: the error is the tail of the update's singular values.
  @Test func truncationIsTheBestOfItsRank() throws {
    let delta = Samples.delta(update)
    let values = try SVD(delta).values
    #expect(
      relativeError(try Projection.singularValues(of: update), Array(values.prefix(3))) < 1e-6)
    for rank in 0...4 {
      let cut = try Projection.truncated(update, rank: rank)
      #expect(cut.rank == min(rank, 3))
      let found = Samples.delta(cut)
      let error = zip(delta.elements, found.elements).reduce(0.0) {
        $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
      }
      let tail = values.dropFirst(rank).reduce(0) { $0 + $1 * $1 }
      #expect(abs(error - tail) < 1e-5 * delta.squaredNorm)
    }
  }
}
