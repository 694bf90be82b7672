import Checkpoints
import Faults
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

/// Scaled RoPE, biases and sliding windows against Transformers: forward, gradients and decoding with a cache, the
/// same model as Hugging Face folder and as GGUF.
@Suite struct LlamaVariantTests {
  @Test(arguments: TinyVariant.all)
  func agreesWithTransformers(_ variant: TinyVariant) throws {
    try variant.withFolder { try compare(BaseCheckpoint.open($0), variant.description) }
  }

  @Test func allVariantsAreThere() { #expect(TinyVariant.all.count == 13) }

  /// The GGUF form of a variant, as llama.cpp's converter writes it.
  @Test(arguments: [
    "llama3", "linear", "linear (legacy key)", "yarn", "yarn-mscale", "attention-factor",
    "longrope",
    "dynamic", "biases", "attention-biases",
  ])
  func agreesAsGGUF(_ form: String) throws {
    let name = form.split(separator: " ").first.map(String.init) ?? form
    let variant = try #require(TinyVariant.all.first { $0.description == name })
    try variant.withFolder { folder in
      var builder = try TinyLlama.gguf(of: folder)
      func scaling(_ type: String, _ factor: Float?) {
        builder.add("llama.rope.scaling.type", string: type)
        if let factor { builder.add("llama.rope.scaling.factor", f32: factor) }
      }
      switch form {
      case "llama3":
        let divisors = try TinyVariant.values("llama3.divisors").map { Float($0) }
        builder.add("rope_freqs.weight", shape: [4], floats: divisors)
      case "linear": scaling("linear", 4)
      case "linear (legacy key)": builder.add("llama.rope.scale_linear", f32: 4)
      case "yarn", "yarn-mscale":
        scaling("yarn", 4)
        builder.add("llama.rope.scaling.original_context_length", u32: 32)
        if form == "yarn-mscale" {
          let factor = (1 + 0.1 * log(4.0)) / (1 + 0.05 * log(4.0))
          builder.add("llama.rope.scaling.yarn_attn_factor", f32: Float(factor))
        }
      case "attention-factor": builder.add("llama.rope.scaling.attn_factor", f32: 1.5)
      case "longrope":
        scaling("longrope", nil)
        builder.add("llama.rope.scaling.original_context_length", u32: 64)
        let factor = (1 + log(2.0) / log(64.0)).squareRoot()
        builder.add("llama.rope.scaling.attn_factor", f32: Float(factor))
        builder.add("rope_factors_short.weight", shape: [4], floats: [1, 1.5, 2, 3])
        builder.add("rope_factors_long.weight", shape: [4], floats: [2, 3, 5, 8])
      default: break
      }
      let path = folder + "/model.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      let base = try BaseCheckpoint.open(path)
      let original = try BaseCheckpoint.open(folder)
      for tensor in original.tensors {
        let (a, b) = try (original.digest(tensor.name), base.digest(tensor.name))
        #expect(a == b, "\(tensor.name)")
      }
      try compare(base, name)
    }
  }

  private func compare(_ base: BaseCheckpoint, _ name: String) throws {
    let common = try TinyVariant.common()
    let prompt = try tokens(common["prompt"])
    let positions = (common["positions"]?.arrayValue ?? []).compactMap(\.intValue)
    for streamed in [false, true] {
      let weights = try streamed ? DecoderWeights(streaming: base) : DecoderWeights(base: base)
      let updates = try updates(base.configuration)
      let decoder = Decoder(weights: weights, updates: updates, threads: 2, recomputes: streamed)
      var batch = TokenBatch()
      batch.append(all: prompt)
      let logits = decoder.head.logits(try decoder.forward(batch)).selectingRows(positions)
      #expect(relativeError(logits.elements, try TinyVariant.values("\(name).logits")) < 1e-5)

      batch = TokenBatch()
      for example in common["examples"]?.arrayValue ?? [] {
        batch.append(
          prompt: try tokens(example["prompt"]), completion: try tokens(example["completion"]))
      }
      let (loss, gradient) = decoder.head.loss(
        try decoder.forward(batch, recording: true), targets: batch.targets, teacher: nil,
        objective: OutputHead.Objective(crossEntropy: 1, distillation: 0))
      #expect(relativeError([loss], try TinyVariant.values("\(name).loss")) < 1e-5)
      let found = try decoder.backward(gradient).flatMap(\.elements)
      #expect(relativeError(found, try TinyVariant.values("\(name).gradient")) < 1e-4)
      try checkCache(decoder, prompt: Array(prompt.prefix(20)))
    }
  }

  /// Every token that is decoded with a cache is the best one of the whole sequence run at once.
  private func checkCache(_ decoder: Decoder, prompt: [Int32]) throws {
    var sequence = prompt
    let found = try GreedyDecoder(decoder).complete(prompt: prompt, limit: 12)
    for token in found {
      var batch = TokenBatch()
      batch.append(all: sequence)
      let row = decoder.head.logits(try decoder.forward(batch))
        .selectingRows([sequence.count - 1]).elements
      #expect(token == row.indices.max { row[$0] < row[$1] }.map { Int32($0) })
      sequence.append(token)
    }
    #expect(found.count == 12)
  }

  private func tokens(_ value: JSONValue?) throws -> [Int32] {
    try #require(value?.arrayValue).compactMap { $0.intValue.map(Int32.init) }
  }

  private func updates(_ configuration: DecoderConfiguration) throws -> UpdateSet {
    var updates = UpdateSet(layerCount: configuration.layerCount)
    for module in configuration.linearModules {
      func factor(_ part: String, _ rows: Int) throws -> Matrix<Float> {
        let values = try TinyVariant.values("\(module.name).\(part)", in: "factors")
        return Matrix(rows: rows, columns: 2, elements: values.map { Float($0) })
      }
      updates[module.layer, module.kind] = ModuleUpdate(
        inputFactor: try factor("input", module.inFeatures), core: try factor("latent", 2),
        outputFactor: try factor("output", module.outFeatures))
    }
    return updates
  }

  // MARK: - What cannot be run

  /// Opening, and so conversion without data, takes what a run refuses.
  @Test(arguments: [
    ("type", "an unheard-of type"), ("field", "rope_scaling.surprise"),
    ("ramp", "before it begins"),
  ])
  func refusesToRunWhatItDoesNotKnow(defect: String, words: String) throws {
    try TinyLlama.withCopy(config: { config in
      config["rope_scaling"] =
        switch defect {
        case "type": ["rope_type": "an unheard-of type"]
        case "field": ["rope_type": "linear", "factor": 2, "surprise": 1]
        default:
          [
            "rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 1 << 20,
            "beta_fast": 1, "beta_slow": 32,
          ]
        }
    }) { folder in
      let base = try BaseCheckpoint.open(folder)
      #expect(base.linearModules.count == 14)
      let found = fault { () throws(Fault) in try DecoderWeights(base: base) }
      #expect(found?.code == "MD-ROPE" && found?.kind == .unsupported)
      #expect(found?.reason.contains(words) == true, "\(String(describing: found))")
      #expect(fault { () throws(Fault) in try DecoderWeights(streaming: base) }?.code == "MD-ROPE")
    }
  }
}
