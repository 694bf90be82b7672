import Bases
import Checkpoints
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Training

/// LoRA and VeRA as something that trains: gradients of their numbers are those of PEFT's own layers
/// (golden/tools/make_controls.py), and from their starts the loss falls.
@Suite struct FactorTrainingTests {
  private static let folder = Checkout.path("golden/controls")

  private func student(_ training: FactorTraining, _ run: TinyRun, rank: Int) -> StudentModel {
    let factors = training.factors(training.values)
    return StudentModel(
      weights: run.weights, modules: run.modules,
      bases: run.modules.enumerated().map { index, module in
        ModuleBasis(
          withoutDirections: module.name, outFeatures: module.outFeatures,
          inFeatures: module.inFeatures
        ).appending(output: factors[2 * index], input: factors[2 * index + 1])
      }, latents: run.modules.map { _ in .identity(rank) }, threads: 2, trainsResidual: true)
  }

  @Test(arguments: ["lora", "vera"]) func gradientsAreThoseOfPEFT(method: String) throws {
    let file = try SafeTensorsFile.open(Self.folder + "/expected.safetensors")
    func matrix(_ name: String) throws -> Matrix<Float> {
      let tensor = try file.tensor(name)
      return Matrix(
        rows: tensor.shape[0], columns: tensor.shape.count > 1 ? tensor.shape[1] : 1,
        elements: try file.floats(of: tensor))
    }
    let isLoRA = method == "lora"
    /// As ours lie: A has the inputs in its rows.
    func number(_ module: LinearModule, _ part: Int, _ suffix: String = "") throws -> Matrix<Float>
    {
      let leaf = (isLoRA ? ["lora_B", "lora_A"] : ["vera_lambda_b", "vera_lambda_d"])[part]
      let found = try matrix("\(method).\(module.name).\(leaf)\(suffix)")
      return isLoRA && part == 1 ? found.transposed : found
    }
    let run = try TinyRun()
    let training = FactorTraining(
      isLoRA
        ? .pair
        : .scaled(output: try matrix("vera_B"), input: try matrix("vera_A").transposed),
      values: try run.modules.flatMap { [try number($0, 0), try number($0, 1)] },
      modules: run.modules)
    let model = student(training, run, rank: 3)
    let batch = try Self.batch()
    let decoder = model.decoder
    let (loss, gradient) = decoder.head.loss(
      try decoder.forward(batch, recording: true), targets: batch.targets, values: batch.values,
      teacher: nil, objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    #expect(relativeError([loss], try file.doubles(of: file.tensor("\(method).loss"))) < 1e-6)
    let found = FactorGradients()
    _ = try decoder.backward(gradient, factors: found)
    let vectors = try run.modules.flatMap { module in
      let pair = try #require(found[module.layer, module.kind])
      return [pair.output, pair.input]
    }
    let pulled = training.pullBack(
      vectors, values: training.values, inForce: training.factors(training.values))
    for (index, module) in run.modules.enumerated() {
      for part in 0...1 {
        let expected = try number(module, part, ".gradient")
        #expect(expected.elements.contains { abs($0) > 1e-6 })
        let error = relativeError(pulled[2 * index + part].elements, expected.elements)
        #expect(error < 1e-4, "\(module.name) \(part) \(error)")
      }
    }
  }

  /// The examples in the order of the file, as one batch.
  private static func batch() throws -> TokenBatch {
    let document = try JSONValue.parse(
      Array(Data(contentsOf: URL(fileURLWithPath: folder + "/examples.json"))))
    func tokens(_ value: JSONValue?) -> [Int32] {
      (value?.arrayValue ?? []).compactMap(\.intValue).map { Int32($0) }
    }
    var batch = TokenBatch()
    for example in try #require(document["examples"]?.arrayValue) {
      batch.append(prompt: tokens(example["prompt"]), completion: tokens(example["completion"]))
    }
    return batch
  }

  /// From the start of each, which is the base to the bit, the loss falls; what is best is as stored.
  @Test(arguments: ["lora", "vera"]) func theLossFallsFromTheStart(method: String) throws {
    let run = try TinyRun()
    let (form, values) =
      method == "lora"
      ? FactorTraining.lora(run.modules, rank: 2, seed: 5)
      : FactorTraining.vera(run.modules, rank: 16, seed: 5)
    let training = FactorTraining(form, values: values, modules: run.modules) { numbers in
      Matrix(
        rows: numbers.rows, columns: numbers.columns,
        elements: numbers.elements.map { ($0 * 256).rounded() / 256 })
    }
    let updates = training.factors(values)
    for index in run.modules.indices {
      #expect(updates[2 * index].elements.allSatisfy { $0 == 0 })
      #expect(updates[2 * index + 1].elements.contains { $0 != 0 })
    }
    var options = TinyRun.options
    options.steps = 40
    options.quantizedSteps = 20
    options.learningRate = method == "lora" ? 0.02 : 0.05
    let tuner = Tuner(
      student: student(training, run, rank: updates[0].columns),
      data: TuningData(
        training: Array(run.examples.prefix(32)), validation: Array(run.examples.suffix(8)),
        teacher: run.teacher), options: options, trainables: [training])
    try tuner.run()
    let losses = tuner.state.history.trainLoss
    let (first, last) = (losses.prefix(4).reduce(0, +), losses.suffix(4).reduce(0, +))
    #expect(last < 0.8 * first, "\(first) \(last)")
    let best = try #require(training.best(in: tuner.state))
    #expect(best != values && tuner.state.history.bestStep >= 20)
    // Nothing between the factors has moved.
    let identity = Matrix<Float>.identity(updates[0].columns)
    #expect(tuner.student.latents.allSatisfy { $0 == identity })
  }
}
