import Checkpoints
import Faults
import Foundation
import TestSupport
import Testing

/// `config.json`: defaults, both spellings of RoPE, and refusals by field (`formats/hf.md` §3).
@Suite struct HFConfigurationTests {
  @Test func readsTheTinyModel() throws {
    let configuration = try BaseCheckpoint.open(TinyLlama.folder).configuration
    #expect(
      configuration
        == DecoderConfiguration(
          architecture: "llama", hiddenSize: 32, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
          headDimension: 8, feedForwardSize: 48, vocabularySize: 64, contextLength: 128,
          ropeTheta: 10_000, rmsNormEpsilon: 1e-5, hasTiedEmbeddings: false))
  }

  @Test func readsTheOlderSpellingAndDefaults() throws {
    let change: (inout [String: Any]) -> Void = { config in
      for key in ["rope_parameters", "head_dim", "rms_norm_eps", "max_position_embeddings"] {
        config[key] = nil
      }
      config["rope_theta"] = 500_000
    }
    try TinyLlama.withCopy(config: change) { folder in
      let configuration = try BaseCheckpoint.open(folder).configuration
      #expect(configuration.ropeTheta == 500_000 && configuration.rmsNormEpsilon == 1e-6)
      #expect(configuration.headDimension == 8 && configuration.contextLength == 2048)
    }
  }

  @Test func readsMistralWithoutWindow() throws {
    let change: (inout [String: Any]) -> Void = { config in
      config["model_type"] = "mistral"
      config["sliding_window"] = NSNull()
    }
    try TinyLlama.withCopy(config: change) { folder in
      let base = try BaseCheckpoint.open(folder)
      #expect(base.configuration.architecture == "llama")
    }
  }

  @Test func readsAFileWithItsConfiguration() throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder + "/model.safetensors")
    #expect(base.format == .safetensors && base.configuration.layerCount == 2)
  }

  @Test(arguments: [
    "model_type=gemma3", "model_type=mistral", "sliding_window=4096", "attention_bias=true",
    "mlp_bias=true", "hidden_act=gelu", "rope_scaling={}", "quantization_config={}",
    "num_local_experts=8", "partial_rotary_factor=0.5", "rope_parameters.rope_type=yarn",
    "rope_parameters.factor=8", "attn_logit_softcapping=50",
  ])
  func refusesByName(_ setting: String) throws {
    let parts = setting.split(separator: "=").map(String.init)
    let value: Any =
      switch parts[1] {
      case "true": true
      case "{}": ["type": "linear"]
      case let text: Double(text).map { $0 as Any } ?? text
      }
    let path = parts[0].split(separator: ".").map(String.init)
    let change: (inout [String: Any]) -> Void = { config in
      if path.count == 1 {
        config[path[0]] = value
      } else {
        var inner = config[path[0]] as? [String: Any] ?? [:]
        inner[path[1]] = value
        config[path[0]] = inner
      }
    }
    try TinyLlama.withCopy(config: change) { folder in
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.kind == .unsupported && found?.code == "CFG-UNSUPPORTED")
      let named = parts[1] == "mistral" ? "sliding_window" : parts[0]
      #expect(found?.reason.contains(named) == true, "\(String(describing: found))")
    }
  }

  @Test(arguments: [
    ("hidden_size", 0), ("hidden_size", -32), ("num_hidden_layers", 1 << 40),
    ("num_attention_heads", 5), ("num_key_value_heads", 3), ("head_dim", 7), ("vocab_size", 0),
    ("rms_norm_eps", -1), ("max_position_embeddings", 0),
  ])
  func refusesImpossibleNumbers(key: String, value: Int) throws {
    try TinyLlama.withCopy(config: { $0[key] = value }) { folder in
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.kind == .badData && found?.code == "CFG", "\(String(describing: found))")
    }
  }

  @Test func refusesAConfigurationThatDoesNotFitTheWeights() throws {
    try TinyLlama.withCopy(config: { $0["intermediate_size"] = 64 }) { folder in
      #expect(fault { _ = try BaseCheckpoint.open(folder) }?.code == "CK-SHAPE")
    }
    try TinyLlama.withCopy(config: { $0["num_hidden_layers"] = 1 }) { folder in
      #expect(fault { _ = try BaseCheckpoint.open(folder) }?.code == "NAME-INDEX")
    }
    try TinyLlama.withCopy(config: { $0["tie_word_embeddings"] = true }) { folder in
      #expect(fault { _ = try BaseCheckpoint.open(folder) }?.code == "CK-TIED")
    }
  }

  @Test(arguments: ["", "{", "[]", "{\"a\":1,\"a\":2}", "\u{feff}{}"])
  func refusesDamagedFiles(_ text: String) throws {
    try TinyLlama.withCopy { folder in
      try text.write(toFile: folder + "/config.json", atomically: false, encoding: .utf8)
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.code == "CFG" && found?.kind == .badData, "\(String(describing: found))")
    }
  }
}
