import Checkpoints
import Files
import Foundation
import JSON
import TestSupport
import Testing

/// Conversion and export of Llama models with scaled RoPE, biases and windows.
@Suite struct LlamaVariantCommandTests {
  private static let adapter = Checkout.path("golden/tiny/adapter")

  /// What a merged model says of itself is what its base says, so that it is the same model.
  @Test(arguments: ["llama3", "yarn-fields", "longrope", "dynamic", "biases", "window"])
  func mergedModelsKeepWhatTheBaseIs(_ name: String) throws {
    let variant = try #require(TinyVariant.all.first { $0.description == name })
    try variant.withFolder { base in
      try withTemporaryDirectory { folder in
        let merged = try merge(base: base, in: folder)
        let (a, b) = try (BaseCheckpoint.open(base), BaseCheckpoint.open(merged))
        #expect(a.configuration == b.configuration)
      }
    }
  }

  /// Factors of a GGUF file, of which `config.json` has no field of its own.
  @Test func mergedModelsOfGGUFKeepTheirFactors() throws {
    try withTemporaryDirectory { folder in
      var builder = try TinyLlama.gguf()
      builder.add("rope_freqs.weight", shape: [4], floats: [1, 1, 2, 8])
      builder.add("llama.rope.scaling.attn_factor", f32: 1.5)
      for layer in 0..<2 {
        builder.add(
          "blk.\(layer).attn_q.bias", shape: [32], floats: (0..<32).map { Float($0) })
      }
      let base = Paths.join(folder, "base.gguf")
      try AtomicFile.write(base, bytes: builder.bytes())
      let merged = try BaseCheckpoint.open(try merge(base: base, in: folder))
      guard case .longrope(let rule) = merged.configuration.rotaryScaling.kind else {
        return #expect(Bool(false))
      }
      #expect(rule.shortFactors == [1, 1, 2, 8] && rule.longFactors == rule.shortFactors)
      #expect(rule.attentionFactor == 1.5 && merged.configuration.exactLength == 128)
      // The class has biases in all four modules of attention or in none.
      #expect(merged.configuration.biases == [.query, .key, .value, .output])
      let original = try BaseCheckpoint.open(base)
      let bias = "model.layers.1.self_attn.q_proj.bias"
      #expect(try merged.vector(bias) == original.vector(bias))
      #expect(try merged.vector(bias).sorted() == (0..<32).map { Float($0) })
      #expect(try merged.vector("model.layers.1.self_attn.o_proj.bias").allSatisfy { $0 == 0 })
    }
  }

  /// Angles that nobody here knows keep nothing from being inspected, converted and exported.
  @Test func conversionNeedsNoAngles() throws {
    try TinyLlama.withCopy(config: {
      $0["rope_scaling"] = ["rope_type": "new", "rope_theta": 10_000, "depth": 3]
    }) { base in
      try withTemporaryDirectory { folder in
        for arguments in [["inspect", base], ["bases", "--base", base, "--rank", "2"]] {
          let outcome = try Tool.run(arguments, cache: folder)
          #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
        }
        let merged = try merge(base: base, in: folder)
        let config = try JSONValue.parse(
          InputFile(Paths.join(merged, "config.json")).readAll(limit: 1 << 20))
        #expect(config["rope_scaling"]?["depth"] == 3)
      }
    }
  }

  /// Converts the tiny adapter on `base` and merges it; the folder of the result.
  private func merge(base: String, in folder: String) throws -> String {
    let (artifact, merged) = (Paths.join(folder, "tiny.loraxs"), Paths.join(folder, "merged"))
    for arguments in [
      ["convert", "--base", base, "--adapter", Self.adapter, "--rank", "2", "-o", artifact],
      ["export", artifact, "--base", base, "--to", "merged", "--dtype", "f32", "-o", merged],
    ] {
      let outcome = try Tool.run(arguments, cache: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    return merged
  }
}
