import Bases
import Checkpoints
import LinearAlgebra
import Tensors
import TestSupport
import Testing

/// Bases of the demo model against SciPy's `gesdd` in Float64 (`golden/bases/demo`).
@Suite(.enabled(if: Checkout.hasDemoBase, "needs `make models`"))
struct GoldenBasesTests {
  @Test(arguments: [
    "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj",
    "model.layers.15.mlp.gate_proj", "model.layers.29.mlp.down_proj",
  ])
  func agreesWithSciPy(name: String) throws {
    let base = try BaseCheckpoint.open(Checkout.demoBase)
    let file = try SafeTensorsFile.open(Checkout.path("golden/bases/demo/expected.safetensors"))
    let basis = try SingularBasis(weight: base.matrix(name + ".weight"), moduleName: name)
    let values = try file.doubles(of: file.tensor("\(name).singular_values"))
    #expect(relativeError(basis.singularValues, values) < 1e-12)
    #expect(basis.convergence.spanError < 1e-6)
    guard let output = file["\(name).output_vectors"],
      let input = file["\(name).input_vectors"]
    else { return }
    // Signs included: both follow the largest entry of u.
    let first = Array(0..<output.shape[1])
    let expectedOutput = try file.matrix(of: output)
    let expectedInput = try file.matrix(of: input)
    #expect(relativeError(basis.outputVectors(first).elements, expectedOutput.elements) < 1e-6)
    #expect(relativeError(basis.inputVectors(first).elements, expectedInput.elements) < 1e-6)
  }
}
