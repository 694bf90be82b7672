import Checkpoints
import Faults
import Foundation
import JSON
import LinearAlgebra
import Models
import Tensors
import TestSupport
import Testing

/// Every family against Transformers' own class (`golden/models/`): the Hugging Face form and the GGUF form that
/// llama.cpp's converter wrote, forward, gradients, second moments and decoding with a cache.
@Suite struct FamilyTests {
  static let folders: [String] = {
    let root = Checkout.path("golden/models")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter {
      // Those with heads have rows.
      FileManager.default.fileExists(atPath: "\(root)/\($0)/case.json")
        && !FileManager.default.fileExists(atPath: "\(root)/\($0)/rows.jsonl")
    }.sorted()
  }()

  /// Every family of the support table has its golden folder, FAMILY or FAMILY-WHAT.
  ///
  /// Mistral's and Mixtral's architecture is Llama's there; encoders are those of `EncoderFileTests`.
  @Test func everyFamilyHasItsModel() throws {
    #expect(
      Set(Self.folders.map { String($0.prefix { $0 != "-" }) })
        == Set(CheckpointSupport.ggufArchitectures).subtracting(["bert"])
        .union(["mistral", "mixtral"]))
  }

  @Test(arguments: folders)
  func formsAreTheSameModel(_ name: String) throws {
    let model = try FamilyModel(name)
    let folder = try model.open(.huggingFace)
    #expect(folder.linearModules.map(\.name) == model.modules)
    guard model.isInGGUF else { return }
    let file = try model.open(.gguf)
    #expect(folder.linearModules == file.linearModules)
    for parameter in folder.configuration.parameters {
      let isTied = folder.configuration.hasTiedEmbeddings
      if isTied, parameter.name == folder.configuration.headName { continue }
      let (a, b) = try (folder.digest(parameter.name), file.digest(parameter.name))
      #expect(a == b, "\(parameter.name)")
    }
    #expect(
      folder.configuration.blocks.map(Self.rounded) == file.configuration.blocks.map(Self.rounded))
  }

  /// Numbers as a GGUF file holds them.
  static func rounded(_ block: Block) -> Block {
    func round(_ value: Double) -> Double { Double(Float(value)) }
    var block = block
    block.norm.epsilon = round(block.norm.epsilon)
    block.residualScale = round(block.residualScale)
    block.attention.scale = round(block.attention.scale)
    block.attention.cap = block.attention.cap.map(round)
    // LongRoPE's factor on cosines and sines stands elsewhere.
    if var rotary = block.attention.rotary, case .longrope(var rule) = rotary.scaling.kind {
      rule.attentionFactor = round(rule.attentionFactor * rotary.scaling.magnitude)
      rotary.scaling = RotaryScaling(.longrope(rule))
      block.attention.rotary = rotary
    }
    return block
  }

  @Test(arguments: folders)
  func agreesWithTransformers(_ name: String) throws {
    let model = try FamilyModel(name)
    for form in [CheckpointFormat.huggingFace, .gguf] where form != .gguf || model.isInGGUF {
      let base = try model.open(form)
      for streamed in [false, true] {
        let weights = try streamed ? DecoderWeights(streaming: base) : DecoderWeights(base: base)
        try compare(model, base, weights, recomputes: streamed, "\(name) \(form.rawValue)")
      }
    }
  }

  private func compare(
    _ model: FamilyModel, _ base: BaseCheckpoint, _ weights: DecoderWeights, recomputes: Bool,
    _ label: String
  ) throws {
    let (updates, probes) = FamilyModel.updates(of: base)
    let decoder = Decoder(weights: weights, updates: updates, threads: 2, recomputes: recomputes)
    var batch = TokenBatch()
    batch.append(all: model.prompt)
    let logits = decoder.head.logits(try decoder.forward(batch)).selectingRows(model.positions)
    #expect(try relativeError(logits.elements, model.expected("logits")) < 1e-5, "\(label)")
    batch = TokenBatch()
    for example in model.examples {
      batch.append(prompt: example.prompt, completion: example.completion)
    }
    let collector = try CurvatureCollector(
      base.configuration, batches: [batch.tokens.count], seed: 0, scratch: NSTemporaryDirectory())
    let (loss, gradient) = decoder.head.loss(
      try decoder.forward(batch, recording: true), targets: batch.targets, teacher: nil,
      objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
    #expect(try relativeError([loss], model.expected("loss")) < 1e-5, "\(label)")
    let found = try decoder.backward(gradient, curvature: collector.accumulator(batch: 0))
    let expected = try model.expected("gradient")
    for (index, module) in base.linearModules.enumerated() {
      let part = Array(expected[4 * index..<4 * index + 4])
      let error = relativeError(found[index].elements, part)
      #expect(error < 1e-4, "\(label) \(module.name) \(error)")
    }
    let moments = try model.expected("moments")
    for (index, module) in base.linearModules.enumerated() {
      let rows = collector.rows
      let input = try #require(try rows.inputRows(module))
      let output = try #require(try rows.outputRows(module))
      let values = [
        quadratic(input, probes[index].input), quadratic(output, probes[index].output),
      ]
      for (value, wanted) in zip(values, moments[2 * index..<2 * index + 2]) {
        // Every token has a row of its own here: what differs is the rounding to BF16, which averages less over the few tokens
        // of an expert, of which some have none.
        let tolerance = base.configuration.expertCount > 0 ? 2e-2 : 1e-2
        #expect(abs(value - wanted) <= tolerance * abs(wanted), "\(label) \(module.name)")
      }
    }
    try checkCache(decoder, prompt: Array(model.prompt.prefix(12)))
  }

  /// `vᵀRᵀRv`.
  private func quadratic(_ rows: Matrix<Float>, _ probe: [Float]) -> Double {
    (0..<rows.rows).reduce(0) { sum, row in
      let image = probe.indices.reduce(0.0) { $0 + Double(rows[row, $1]) * Double(probe[$1]) }
      return sum + image * image
    }
  }

  /// Every token that is decoded with a cache is the best one of the whole sequence run at once.
  private func checkCache(_ decoder: Decoder, prompt: [Int32]) throws {
    var sequence = prompt
    let found = try GreedyDecoder(decoder).complete(prompt: prompt, limit: 10)
    for token in found {
      var batch = TokenBatch()
      batch.append(all: sequence)
      let row = decoder.head.logits(try decoder.forward(batch))
        .selectingRows([sequence.count - 1]).elements
      #expect(token == row.indices.max { row[$0] < row[$1] }.map { Int32($0) })
      sequence.append(token)
    }
    #expect(found.count == 10)
  }

  /// Completions that share a prompt have the states that each has behind a prompt of its own, whatever the window.
  @Test(arguments: folders)
  func completionsShareAPrompt(_ name: String) throws {
    let model = try FamilyModel(name)
    let decoder = Decoder(
      weights: try DecoderWeights(base: try model.open(.huggingFace)), threads: 2)
    let prompt = Array(model.prompt.prefix(9))
    let completions = [4, 1, 9, 2].map { Array(model.prompt.suffix($0)) }
    var (shared, apart) = (TokenBatch(), TokenBatch())
    for batch in 0..<2 {
      shared.append(prompt: prompt, completions: completions)
      for completion in completions { apart.append(prompt: prompt, completion: completion) }
      // A plain sequence between them.
      guard batch == 0 else { break }
      shared.append(all: completions[2])
      apart.append(all: completions[2])
    }
    #expect(shared.targets == apart.targets && shared.lossRanges == apart.lossRanges)
    #expect(shared.longestSequence == apart.longestSequence)
    #expect(shared.tokens.count == apart.tokens.count - 2 * 3 * prompt.count)
    let (found, wanted) = (try decoder.forward(shared), try decoder.forward(apart))
    #expect(relativeError(found.elements, wanted.elements.map { Double($0) }) < 1e-5)
  }

  /// Prompts that begin alike are run once, scored and written as each by itself, whatever the window.
  @Test(arguments: folders)
  func promptsShareABeginning(_ name: String) throws {
    let model = try FamilyModel(name)
    let decoder = Decoder(
      weights: try DecoderWeights(base: try model.open(.huggingFace)), threads: 2)
    let beginning = Array(model.prompt.prefix(18))
    let rests = [[], [5, 9], Array(model.prompt.suffix(7)), [9]] as [[Int32]]
    let completions = [[3, 4], [8], [1, 2, 3], [6]] as [[Int32]]
    var (shared, apart) = (TokenBatch(), TokenBatch())
    shared.append(
      shared: beginning,
      continuations: zip(rests, completions).map {
        TokenBatch.Continuation(prompt: $0, completion: $1)
      })
    for (rest, completion) in zip(rests, completions) {
      apart.append(prompt: beginning + rest, completion: completion)
    }
    #expect(shared.targets == apart.targets && shared.lossRanges == apart.lossRanges)
    let (found, wanted) = (try decoder.forward(shared), try decoder.forward(apart))
    #expect(relativeError(found.elements, wanted.elements.map { Double($0) }) < 1e-5)

    let prompts = rests.map { beginning + $0 }
    let together = try GreedyDecoder(decoder).complete(
      prompts: prompts, limits: prompts.map { _ in 6 }, ends: { _, _ in false })
    for (prompt, tokens) in zip(prompts, together) {
      #expect(try GreedyDecoder(decoder).complete(prompt: prompt, limit: 6) == tokens)
    }
  }

  // MARK: - A real model

  /// Gemma 3 270M, 601 tokens across its window of 512, where `make digests` has fetched it.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: gemma)))
  func gemma3AgreesWithTransformers() throws {
    let data = try Data(
      contentsOf: URL(fileURLWithPath: Checkout.path("golden/models/gemma-3-270m-logits.json")))
    let json = try JSONValue.parse(Array(data))
    func numbers(_ value: JSONValue?) -> [Int] { (value?.arrayValue ?? []).compactMap(\.intValue) }
    let prompt = numbers(json["prompt"]).map { Int32($0) }
    let decoder = Decoder(
      weights: try DecoderWeights(base: BaseCheckpoint.open(Self.gemma)), threads: 2)
    var batch = TokenBatch()
    batch.append(prompt: [prompt[0]], completion: Array(prompt.dropFirst()) + [0])
    let hidden = try decoder.forward(batch)
    let losses = decoder.head.scores(hidden, targets: batch.targets).negativeLogLikelihoods
    let mean = losses.dropLast().reduce(0, +) / Double(losses.count - 1)
    let expected = try #require(json["meanLoss"]?.doubleValue)
    #expect(abs(mean - expected) < 1e-4 * expected, "\(mean) for \(expected)")
    let logits = decoder.head.logits(hidden.selectingRows(numbers(json["positions"])))
    let tokens = numbers(json["tokens"])
    let found = (0..<logits.rows).flatMap { row in tokens.map { logits[row, $0] } }
    let wanted = (json["logits"]?.arrayValue ?? []).flatMap { $0.arrayValue ?? [] }
      .compactMap(\.doubleValue)
    #expect(relativeError(found, wanted) < 1e-4, "\(relativeError(found, wanted))")
  }

  static let gemma = Checkout.path("models/gemma-3-270m-q4_k_m.gguf")

  // MARK: - Refusals

  @Test(arguments: folders)
  func refusesUnknownSettings(_ name: String) throws {
    try withTemporaryDirectory { parent in
      let copy = parent + "/model"
      try FileManager.default.copyItem(atPath: FamilyModel.folder(name), toPath: copy)
      let url = URL(fileURLWithPath: copy + "/config.json")
      let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
      var config = try #require(parsed as? [String: Any])
      config["a_new_multiplier"] = 2
      try JSONSerialization.data(withJSONObject: config).write(to: url)
      let found = fault { () throws(Fault) in try BaseCheckpoint.open(copy) }
      #expect(found?.code == "CFG-UNSUPPORTED" && found?.kind == .unsupported)
      #expect(found?.reason.contains("a_new_multiplier") == true)
    }
  }
}

/// One golden model and what Transformers computes with it.
struct FamilyModel {
  let name: String
  let modules: [String]
  let prompt: [Int32]
  let positions: [Int]
  let examples: [(prompt: [Int32], completion: [Int32])]

  static func folder(_ name: String) -> String { Checkout.path("golden/models/\(name)") }

  /// Of all but those that llama.cpp has no word for.
  var isInGGUF: Bool {
    FileManager.default.fileExists(atPath: Self.folder(name) + "/model.gguf")
  }

  init(_ name: String) throws {
    self.name = name
    let data = try Data(contentsOf: URL(fileURLWithPath: Self.folder(name) + "/case.json"))
    let json = try #require(try JSONValue.parse(Array(data))["parameters"])
    func tokens(_ value: JSONValue?) throws -> [Int32] {
      try #require(value?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
    }
    modules = (json["modules"]?.arrayValue ?? []).compactMap(\.stringValue)
    prompt = try tokens(json["prompt"])
    positions = (json["positions"]?.arrayValue ?? []).compactMap(\.intValue)
    examples = try (json["examples"]?.arrayValue ?? []).map {
      (try tokens($0["prompt"]), try tokens($0["completion"]))
    }
  }

  func open(_ format: CheckpointFormat) throws -> BaseCheckpoint {
    let folder = Self.folder(name)
    return try BaseCheckpoint.open(format == .gguf ? folder + "/model.gguf" : folder)
  }

  func expected(_ tensor: String) throws -> [Double] {
    let file = try SafeTensorsFile.open(Self.folder(name) + "/expected.safetensors")
    return try file.doubles(of: try file.tensor(tensor))
  }

  /// The updates that `make_families.py` puts beside all modules of a base, and what it probes their second moments with.
  static func updates(
    of base: BaseCheckpoint
  ) -> (updates: UpdateSet, probes: [(input: [Float], output: [Float])]) {
    var updates = UpdateSet(layerCount: base.configuration.layerCount)
    let probes = base.linearModules.enumerated().map { index, module in
      let factors = Factors(index: index, module)
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: factors.input, core: factors.core, outputFactor: factors.output)
      return (factors.inputProbe, factors.outputProbe)
    }
    return (updates, probes)
  }

  /// The update that `make_families.py` puts beside a module, by the same random numbers.
  struct Factors {
    let output, core, input: Matrix<Float>
    let inputProbe, outputProbe: [Float]

    init(index: Int, _ module: LinearModule) {
      var generator = SeededGenerator(seed: 20_261_130, stream: UInt64(100 + index))
      func factor(_ rows: Int, _ columns: Int, _ scale: Double) -> Matrix<Float> {
        Matrix(
          rows: rows, columns: columns,
          elements: generator.normals(rows * columns).map { Float($0 * scale) })
      }
      let (outs, ins) = (module.outFeatures, module.inFeatures)
      output = factor(outs, 2, 1 / Double(outs).squareRoot())
      core = factor(2, 2, 1)
      input = factor(ins, 2, 1 / Double(ins).squareRoot())
      inputProbe = factor(ins, 1, 1 / Double(ins).squareRoot()).elements
      outputProbe = factor(outs, 1, 1 / Double(outs).squareRoot()).elements
    }
  }
}
