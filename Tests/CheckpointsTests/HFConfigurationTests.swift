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
          ropeTheta: 10_000, normEpsilon: 1e-5, hasTiedEmbeddings: false))
  }

  /// Ids below 0 stand for none.
  @Test(
    arguments: [
      (-2_000_000_000, []), (-1, []), (7, [7]), ([-1, 4, 7], [4, 7]), ([1 << 40, 3], [3]),
    ] as [(any Sendable, [Int32])])
  func readsTheEndsOfASequence(stated: any Sendable, ends: [Int32]) throws {
    let source = try withModelCopy("qwen2-score", ["eos_token_id": stated]) { path in
      try BaseCheckpoint.open(path).checkpoint.tokenizerSource()
    }
    guard case .tokenizerJSON(_, _, let found) = source else {
      Issue.record("no tokenizer.json")
      return
    }
    #expect(found == ends)
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
      #expect(configuration.ropeTheta == 500_000 && configuration.normEpsilon == 1e-6)
      #expect(configuration.headDimension == 8 && configuration.contextLength == 2048)
    }
  }

  /// A window is part of the model where Mistral states one, and a limit where programs disagree about it.
  @Test(arguments: [
    ("mistral", nil, 4096, nil), ("mistral", 6, 6, nil), ("llama", 6, nil, 6),
    ("llama", nil, nil, nil),
  ])
  func readsWindows(type: String, stated: Int?, window: Int?, doubtful: Int?) throws {
    try TinyLlama.withCopy(config: {
      $0["model_type"] = type
      $0["sliding_window"] = stated
    }) { folder in
      let configuration = try BaseCheckpoint.open(folder).configuration
      #expect(configuration.slidingWindow == window && configuration.doubtfulWindow == doubtful)
      #expect(configuration.exactLength == doubtful ?? 128)
    }
  }

  @Test func readsEveryFieldOfRoPE() throws {
    func scaling(_ fields: [String: Any]) throws -> RotaryScaling {
      try TinyLlama.withCopy(config: { $0["rope_scaling"] = fields }) {
        try BaseCheckpoint.open($0).configuration.rotaryScaling
      }
    }
    #expect(try scaling([:]) == RotaryScaling())
    #expect(try scaling(["type": "default"]) == RotaryScaling())
    #expect(try scaling(["type": "dynamic", "factor": 2]).kind == .dynamic(factor: 2))
    // The original context is the model's where none is stated, and the factor their ratio.
    let yarn = try scaling(["type": "yarn", "original_max_position_embeddings": 32])
    guard case .yarn(let rule) = yarn.kind else { return #expect(Bool(false)) }
    #expect(rule.factor == 4 && rule.originalLength == 32 && rule.truncates)
    #expect(abs(rule.attentionFactor - 1.1386294361119891) < 1e-12)
    let long = try scaling([
      "type": "su", "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2],
      "original_max_position_embeddings": 64,
    ])
    guard case .longrope(let rule) = long.kind else { return #expect(Bool(false)) }
    #expect(rule.longFactors == [2, 2, 2, 2] && rule.originalLength == 64)
  }

  @Test(arguments: [
    #"{"rope_type":"linear"}"#, #"{"rope_type":"linear","factor":0}"#,
    #"{"rope_type":"linear","factor":"2"}"#, #"{"rope_type":"llama3","factor":8}"#,
    #"{"rope_type":"longrope","short_factor":[1],"long_factor":[1,1,1,1]}"#,
    #"{"rope_type":"yarn","original_max_position_embeddings":-1}"#, "[]", "\"linear\"",
  ])
  func refusesDamagedRoPE(_ text: String) throws {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    try TinyLlama.withCopy(config: { $0["rope_scaling"] = value }) { folder in
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.kind == .badData && found?.code == "CFG", "\(String(describing: found))")
    }
  }

  @Test func biasesMustBeThereAndAnnounced() throws {
    try TinyLlama.withCopy(config: { $0["attention_bias"] = true }) { folder in
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.code == "CK-TENSOR")
      #expect(found?.tensor == "model.layers.0.self_attn.q_proj.bias")
    }
    let variant = try #require(TinyVariant.all.first { $0.description == "biases" })
    try variant.withFolder { folder in
      #expect(
        try BaseCheckpoint.open(folder).configuration.biases == [
          .query, .key, .value, .output, .gate, .up, .down,
        ])
      let url = URL(fileURLWithPath: folder + "/config.json")
      let text = try String(contentsOf: url, encoding: .utf8)
      try text.replacingOccurrences(of: "\"mlp_bias\":true", with: "\"mlp_bias\":false")
        .write(to: url, atomically: false, encoding: .utf8)
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.code == "CK-UNSUPPORTED" && found?.reason.contains("mlp_bias") == true)
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
    "model_type=mamba", "hidden_act=quick_gelu", "unheard_of=1", "quantization_config={}",
    "num_local_experts=8",
    "partial_rotary_factor=0.5", "attn_logit_softcapping=50",
  ])
  func refusesByName(_ setting: String) throws {
    let parts = setting.split(separator: "=").map(String.init)
    let value: Any =
      switch parts[1] {
      case "{}": ["type": "linear"]
      case let text: Double(text).map { $0 as Any } ?? text
      }
    try TinyLlama.withCopy(config: { $0[parts[0]] = value }) { folder in
      let found = fault { _ = try BaseCheckpoint.open(folder) }
      #expect(found?.kind == .unsupported && found?.code == "CFG-UNSUPPORTED")
      #expect(found?.reason.contains(parts[0]) == true, "\(String(describing: found))")
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
