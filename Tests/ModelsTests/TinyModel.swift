import Checkpoints
import Faults
import Models
import Tensors

/// A random model small enough for the Float64 reference, with an update on every module.
struct TinyModel {
  let reference: ReferenceModel
  let weights: DecoderWeights
  let updates: UpdateSet

  init(seed: UInt64, hasTiedEmbeddings: Bool = true, trainedColumns: Int = 0) throws {
    var generator = SeededGenerator(seed: seed)
    let configuration = DecoderConfiguration(
      architecture: "llama", hiddenSize: 16, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
      headDimension: 4, feedForwardSize: 21, vocabularySize: 37, contextLength: 64,
      ropeTheta: 100, normEpsilon: 1e-5, hasTiedEmbeddings: hasTiedEmbeddings)
    // Values are Float32-exact, so that both sides see the same model.
    func random(_ rows: Int, _ columns: Int, _ scale: Double, mean: Double = 0) -> Matrix<Double> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Double(Float(mean + $0 * scale)) })
    }
    var weights: [String: Matrix<Double>] = [
      "model.embed_tokens.weight": random(37, 16, 0.7), "lm_head.weight": random(37, 16, 0.7),
      "model.norm.weight": random(1, 16, 0.2, mean: 1),
    ]
    for layer in 0..<2 {
      weights["model.layers.\(layer).input_layernorm.weight"] = random(1, 16, 0.2, mean: 1)
      weights["model.layers.\(layer).post_attention_layernorm.weight"] = random(
        1, 16, 0.2, mean: 1)
    }
    var reference = ReferenceModel(configuration: configuration)
    var updates = UpdateSet(layerCount: 2)
    for module in configuration.linearModules {
      weights[module.weightName] = random(module.outFeatures, module.inFeatures, 0.3)
      let output = random(module.outFeatures, 2, 0.4)
      let core = random(2, 3, 0.4)
      let input = random(module.inFeatures, 3, 0.4)
      reference.updates[module.name] = .init(output: output, core: core, input: input)
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: input.converted(), core: core.converted(), outputFactor: output.converted(),
        trainedColumns: trainedColumns)
    }
    reference.weights = weights
    self.reference = reference
    self.updates = updates
    let loaded = weights
    self.weights = try DecoderWeights(
      configuration: configuration,
      matrix: { (name) throws(Fault) in
        guard let weight = loaded[name] else { throw Fault(.badData, "T-NAME", name) }
        return weight.converted()
      },
      vector: { (name) throws(Fault) in (loaded[name]?.elements ?? []).map { Float($0) } })
  }

  static let examples: [(prompt: [Int32], completion: [Int32])] = [
    ([3, 1, 4, 1, 5], [9, 2]), ([6], [5]), ([35, 8, 9, 7, 9, 3, 2, 3, 8, 4], [6, 2, 6]),
  ]

  static var batch: TokenBatch {
    var batch = TokenBatch()
    for example in examples { batch.append(prompt: example.prompt, completion: example.completion) }
    return batch
  }
}
