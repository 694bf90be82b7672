import Checkpoints
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

/// Gradients of the factors of updates of encoders, by those of their cores, which `EncoderTests` compares with PyTorch's.
///
/// With G the gradient of ΔW = O·M·Iᵀ, ∂L/∂O = G·I·Mᵀ, ∂L/∂I = Gᵀ·O·M and ∂L/∂M = Oᵀ·G·I, so that Oᵀ·∂L/∂O = ∂L/∂M·Mᵀ and
/// Iᵀ·∂L/∂I = (∂L/∂M)ᵀ·M.
@Suite struct EncoderFactorTests {
  @Test(arguments: ["bert", "deberta", "vit"], [false, true])
  func factorsBelongToTheirCores(_ name: String, recomputes: Bool) throws {
    let model = try EncoderModel(name)
    let base = try BaseCheckpoint.open(EncoderModel.folder(name))
    var updates = UpdateSet(layerCount: base.configuration.layerCount)
    let factors = base.linearModules.enumerated().map { index, module in
      FamilyModel.Factors(index: index, module)
    }
    for (module, factor) in zip(base.linearModules, factors) {
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: factor.input, core: factor.core, outputFactor: factor.output,
        trainedColumns: 2)
    }
    let decoder = Decoder(
      weights: try DecoderWeights(base: base), updates: updates, threads: 2,
      recomputes: recomputes)
    let (_, gradient) = decoder.head.loss(
      try decoder.forward(model.batch, recording: true), targets: model.batch.targets,
      values: model.batch.values, teacher: nil,
      objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    let found = FactorGradients()
    let cores = try decoder.backward(gradient, factors: found)
    for (index, module) in base.linearModules.enumerated() {
      let pair = try #require(found[module.layer, module.kind])
      let (core, factor) = (cores[index], factors[index])
      let outputError = relativeError(
        factor.output.transposed.times(pair.output).elements,
        core.times(factor.core.transposed).elements)
      let inputError = relativeError(
        factor.input.transposed.times(pair.input).elements,
        core.transposed.times(factor.core).elements)
      #expect(
        outputError < 1e-4 && inputError < 1e-4, "\(module.name) \(outputError) \(inputError)")
    }
  }
}
