import Adapters
import Bases
import Checkpoints
import LinearAlgebra
import Projection
import Tensors
import TestSupport
import Testing

/// The fits against NumPy in Float64 with ΔW formed in full (`golden/projection`).
@Suite struct GoldenProjectionTests {
  @Test(
    arguments: [("square-ranks", 2.0), ("unequal-ranks", 0.5)],
    [ProjectionMethod.projected, .calibrated, .kfac])
  func latentsAgreeWithNumPy(
    sample: (name: String, scaling: Double), method: ProjectionMethod
  ) throws {
    let folder = Checkout.path("golden/projection/\(sample.name)")
    let file = try SafeTensorsFile.open("\(folder)/expected.safetensors")
    func matrix(_ name: String) throws -> Matrix<Float> {
      try file.matrix(of: file.tensor(name))
    }
    let basis = ModuleBasis(
      moduleName: "m", outputBasis: try matrix("output_basis"),
      inputBasis: try matrix("input_basis"), outputSingularValues: [], inputSingularValues: [],
      selection: .random(rank: 0, seed: 0))
    let update = LowRankUpdate(
      moduleName: "m", loraA: try matrix("lora_A"), loraB: try matrix("lora_B"),
      scaling: sample.scaling)
    let curvature = Curvature(
      input: try SecondMoment(matrix("input_covariance")),
      output: try SecondMoment(matrix("output_covariance")))
    let fit = try Projection.fit(
      update: update, basis: basis, curvature: curvature, method: method, ridge: 1e-3)
    let expected = try file.doubles(of: file.tensor("expected.\(method.rawValue)"))
    // NumPy takes the bases, rounded to Float32, as orthonormal; the fit does not.
    #expect(relativeError(fit.latent.elements, expected) < 1e-7)
  }
}
