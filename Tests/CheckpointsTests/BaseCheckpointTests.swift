import Checkpoints
import Faults
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// One model as Hugging Face directory and as GGUF, and what makes either be refused.
@Suite struct BaseCheckpointTests {
  @Test func ggufAndHuggingFaceFormsAgree() throws {
    let folder = try BaseCheckpoint.open(TinyLlama.folder)
    try withBase(try TinyLlama.gguf()) { file in
      #expect(folder.format == .huggingFace && file.format == .gguf)
      var expected = folder.configuration
      // GGUF holds ε as Float32.
      expected.normEpsilon = Double(Float(1e-5))
      #expect(file.configuration == expected)
      #expect(file.linearModules == folder.linearModules)
      for tensor in folder.tensors {
        let a = try folder.digest(tensor.name)
        let b = try file.digest(tensor.name)
        #expect(a == b, "\(tensor.name)")
        // Its name in the file finds the same tensor.
        let c = try file.digest(TinyLlama.name(tensor.name))
        #expect(b == c, "\(tensor.name)")
      }
    }
  }

  @Test func listsModulesInOrder() throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder)
    #expect(base.linearModules.count == 14)
    #expect(
      base.linearModules.prefix(8).map(\.name) == [
        "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj",
        "model.layers.0.self_attn.v_proj", "model.layers.0.self_attn.o_proj",
        "model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj",
        "model.layers.0.mlp.down_proj",
        "model.layers.1.self_attn.q_proj",
      ])
    for module in base.linearModules {
      let weight = try base.matrix(module.weightName)
      #expect(weight.rows == module.outFeatures && weight.columns == module.inFeatures)
    }
    // The shapes differ where the glossary says they do: out is rows.
    let down = base.linearModules[6]
    #expect((down.outFeatures, down.inFeatures) == (32, 48))
    let key = base.linearModules[1]
    #expect((key.outFeatures, key.inFeatures) == (16, 32))
  }

  @Test func vectorsAndMatricesAreNotMixed() throws {
    let base = try BaseCheckpoint.open(TinyLlama.folder)
    let norm = try base.vector("model.norm.weight")
    #expect(norm.count == 32)
    #expect(fault { _ = try base.matrix("model.norm.weight") }?.code == "CK-SHAPE")
    #expect(fault { _ = try base.vector("lm_head.weight") }?.code == "CK-SHAPE")
    #expect(fault { _ = try base.vector("model.norm.bias") }?.code == "CK-TENSOR")
  }

  @Test func headPermutation() throws {
    // One head of width 4: halves (0, 1) and (2, 3) become pairs (0, 2) and (1, 3).
    let order = try #require(HeadPermutation(rows: 8, headCount: 2))
    #expect((0..<8).map { order.huggingFaceRow(ofGGUF: $0) } == [0, 2, 1, 3, 4, 6, 5, 7])
    #expect(
      (0..<8).allSatisfy { order.ggufRow(ofHuggingFace: order.huggingFaceRow(ofGGUF: $0)) == $0 })
    #expect(HeadPermutation(rows: 8, headCount: 3) == nil)
    #expect(HeadPermutation(rows: 9, headCount: 3) == nil)
    #expect(HeadPermutation(rows: 8, headCount: 0) == nil)
  }

  /// Keys that may differ by layer, one value for each, as some converters write them.
  @Test func layersMayStateEqualHeads() throws {
    var builder = try TinyLlama.gguf()
    for (key, value) in [
      ("attention.head_count", 4), ("attention.head_count_kv", 2), ("feed_forward_length", 48),
    ] {
      builder.set("llama." + key) {
        $0.add("llama." + key, integers: [Int32(value), Int32(value)])
      }
    }
    let folder = try BaseCheckpoint.open(TinyLlama.folder)
    try withBase(builder) { base in
      #expect(base.configuration.headCount == 4 && base.configuration.keyValueHeadCount == 2)
      #expect(base.configuration.feedForwardSize == 48)
      let name = "model.layers.1.self_attn.k_proj.weight"
      let (a, b) = try (base.digest(name), folder.digest(name))
      #expect(a == b)
    }
  }

  /// What only a run needs to know does not keep a model from being converted.
  @Test(arguments: ["an unknown rule", "an unknown key", "LongRoPE without factors"])
  func opensWhateverTheAnglesAre(_ form: String) throws {
    var builder = try TinyLlama.gguf()
    switch form {
    case "an unknown rule": builder.add("llama.rope.scaling.type", string: "new")
    case "an unknown key": builder.add("llama.rope.scaling.surprise", u32: 1)
    default: builder.add("llama.rope.scaling.type", string: "longrope")
    }
    try withBase(builder) { base in
      guard case .unknown(let reason, _) = base.configuration.rotaryScaling.kind else {
        return #expect(Bool(false))
      }
      #expect(reason.hasPrefix("llama.rope.scaling."))
    }
  }

  @Test func windowsOfGGUFLimitTheTexts() throws {
    var builder = try TinyLlama.gguf()
    builder.add("llama.attention.sliding_window", u32: 16)
    try withBase(builder) { base in
      #expect(base.configuration.slidingWindow == nil && base.configuration.exactLength == 16)
      #expect(base.configuration.lengthLimit == "sliding_window")
    }
  }

  @Test func tiedEmbeddingsNeedNoHead() throws {
    var builder = try TinyLlama.gguf()
    builder.tensors.removeAll { $0.name == Array("output.weight".utf8) }
    try withBase(builder) { base in
      #expect(base.configuration.hasTiedEmbeddings)
      #expect(fault { _ = try base.matrix("lm_head.weight") }?.code == "CK-TENSOR")
    }
  }

  // MARK: - Tokenizer keys of GGUF models

  @Test(arguments: [
    ("tokens of another element type", "GG-KVTYPE"), ("a type for some tokens only", "GG-META"),
    ("types that are text", "GG-KVTYPE"), ("an id beyond the tokens", "GG-META"),
  ])
  func refusesTokenizerKeys(defect: String, code: String) throws {
    var builder = try TinyLlama.gguf()
    builder.add("tokenizer.ggml.model", string: "gpt2")
    if defect == "tokens of another element type" {
      builder.add("tokenizer.ggml.tokens", raw: 9, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
    } else {
      builder.add("tokenizer.ggml.tokens", strings: ["a", "b"])
    }
    let integers = GGUFBuilder.little(UInt32(5)) + GGUFBuilder.little(UInt64(1)) + [1, 0, 0, 0]
    switch defect {
    case "a type for some tokens only": builder.add("tokenizer.ggml.token_type", raw: 9, integers)
    case "types that are text": builder.add("tokenizer.ggml.token_type", strings: ["a", "b"])
    default: builder.add("tokenizer.ggml.bos_token_id", u32: 2)
    }
    try withBase(builder) { base in
      #expect(fault { _ = try base.tokenizerSource() }?.code == code)
    }
  }

  /// Templates are programs; this one is a text like any other, and shown in part.
  @Test func chatTemplatesAreNeverRendered() throws {
    var builder = try TinyLlama.gguf()
    let template = "{{ cycler.__init__.__globals__.os.popen('id').read() }}"
    builder.add(
      "tokenizer.chat_template", string: template + String(repeating: " ", count: 5000))
    try withBase(builder) { base in
      let shown = base.checkpoint.metadata["tokenizer.chat_template"]?.stringValue
      #expect(shown?.hasPrefix(template) == true && shown?.utf8.count == 1027)
    }
  }

  // MARK: - Refusals of GGUF models

  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var code: String
    var kind: Fault.Kind
    var change: @Sendable (inout GGUFBuilder) -> Void

    init(
      _ name: String, _ code: String, _ kind: Fault.Kind,
      _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
    ) {
      testDescription = name
      self.code = code
      self.kind = kind
      self.change = change
    }

    /// A metadata key set to an unsigned number.
    static func key(
      _ key: String, _ value: UInt32, _ code: String, _ kind: Fault.Kind = .badData
    ) -> Case {
      Case("\(key) \(value)", code, kind) { $0.set(key) { $0.add(key, u32: value) } }
    }
  }

  @Test(arguments: keys + structure)
  func refuses(_ item: Case) throws {
    var builder = try TinyLlama.gguf()
    item.change(&builder)
    let found = fault { try withBase(builder) { _ in } }
    #expect(found?.code == item.code, "\(String(describing: found))")
    #expect(found?.kind == item.kind)
  }

  static let keys: [Case] = [
    .key("llama.block_count", 0, "GG-META"),
    .key("llama.block_count", 1 << 31, "GG-META"),
    .key("llama.block_count", 1, "NAME-INDEX"),
    .key("llama.block_count", 3, "CK-TENSOR"),
    Case("block_count is a string", "GG-META", .badData) {
      $0.set("llama.block_count") { $0.add("llama.block_count", string: "2") }
    },
    .key("llama.embedding_length", 0, "GG-META"),
    .key("llama.embedding_length", 31, "GG-META"),
    .key("llama.embedding_length", 64, "CK-SHAPE"),
    .key("llama.attention.head_count", 0, "GG-META"),
    .key("llama.attention.head_count", 3, "GG-META"),
    .key("llama.attention.head_count", 32, "GG-META"),
    .key("llama.attention.head_count_kv", 0, "GG-META"),
    .key("llama.attention.head_count_kv", 3, "GG-META"),
    .key("llama.attention.key_length", 7, "GG-META"),
    .key("llama.attention.value_length", 4, "GG-UNSUPPORTED", .unsupported),
    .key("llama.rope.dimension_count", 4, "GG-UNSUPPORTED", .unsupported),
    .key("llama.expert_count", 8, "GG-UNSUPPORTED", .unsupported),
    .key("llama.attn_logit_softcapping", 50, "GG-UNSUPPORTED", .unsupported),
    .key("llama.final_logit_softcapping", 30, "GG-UNSUPPORTED", .unsupported),
    .key("llama.logit_scale", 2, "GG-UNSUPPORTED", .unsupported),
    .key("llama.unheard_of", 1, "GG-UNSUPPORTED", .unsupported),
    Case("rope scaling factor −1", "GG-META", .badData) {
      $0.add("llama.rope.scaling.factor", f32: -1)
    },
    Case("attention factor 0", "GG-META", .badData) {
      $0.add("llama.rope.scaling.attn_factor", f32: 0)
    },
    Case("heads for three layers", "GG-META", .badData) {
      $0.set("llama.attention.head_count") {
        $0.add("llama.attention.head_count", integers: [4, 4, 4])
      }
    },
    Case("other heads in a layer", "GG-UNSUPPORTED", .unsupported) {
      $0.set("llama.attention.head_count_kv") {
        $0.add("llama.attention.head_count_kv", integers: [2, 4])
      }
    },
    Case("heads as text", "GG-META", .badData) {
      $0.set("llama.attention.head_count") {
        $0.add("llama.attention.head_count", strings: ["4", "4"])
      }
    },
    Case("layers of layers", "GG-META", .badData) {
      $0.set("llama.block_count") { $0.add("llama.block_count", integers: [2, 2]) }
    },
    Case("ε is NaN", "GG-META", .badData) {
      $0.set("llama.attention.layer_norm_rms_epsilon") {
        $0.add("llama.attention.layer_norm_rms_epsilon", f32: .nan)
      }
    },
    Case("θ is 0", "GG-META", .badData) {
      $0.set("llama.rope.freq_base") { $0.add("llama.rope.freq_base", f32: 0) }
    },
    Case("another architecture", "GG-ARCH", .unsupported) {
      $0.set("general.architecture") { $0.add("general.architecture", string: "mamba") }
    },
    Case("no architecture", "GG-META", .badData) { $0.set("general.architecture") { _ in } },
    Case("architecture is a number", "GG-META", .badData) {
      $0.set("general.architecture") { $0.add("general.architecture", u32: 1) }
    },
  ]

  static let structure: [Case] = [
    Case("a tensor is missing", "CK-TENSOR", .badData) { $0.tensors.removeLast() },
    Case("no embeddings", "GG-META", .badData) {
      $0.tensors.removeAll { $0.name == Array("token_embd.weight".utf8) }
    },
    Case("rope factors for another width", "CK-SHAPE", .badData) {
      $0.add("rope_freqs.weight", shape: [3], floats: [1, 1, 2])
    },
    Case("a rope factor of 0", "GG-META", .badData) {
      $0.add("rope_freqs.weight", shape: [4], floats: [1, 1, 0, 8])
    },
    Case("rope factors of another rule", "CK-UNSUPPORTED", .unsupported) {
      $0.add("rope_factors_long.weight", shape: [4], floats: [1, 1, 2, 8])
    },
    Case("a bias in one layer", "CK-TENSOR", .badData) {
      $0.add("blk.0.attn_q.bias", shape: [32], floats: [Float](repeating: 0, count: 32))
    },
    Case("a bias of a norm", "CK-UNSUPPORTED", .unsupported) {
      $0.add("blk.0.attn_norm.bias", shape: [32], floats: [Float](repeating: 0, count: 32))
    },
    Case("layer 2³²", "NAME-INDEX", .badData) {
      $0.add("blk.4294967296.attn_q.weight", shape: [1], floats: [0])
    },
    Case("layer −1", "NAME-INDEX", .badData) {
      $0.add("blk.-1.attn_q.weight", shape: [1], floats: [0])
    },
    Case("layer beyond 2⁶³", "NAME-INDEX", .badData) {
      $0.add("blk.999999999999999999999.attn_q.weight", shape: [1], floats: [0])
    },
    Case("layer 01", "NAME-INDEX", .badData) {
      $0.add("blk.01.attn_q.weight", shape: [1], floats: [0])
    },
    Case("one file of a split", "GG-SPLIT", .badData) {
      $0.add("split.count", raw: 2, [2, 0])
      $0.add("split.no", raw: 2, [0, 0])
    },
  ]

  private func withBase<R>(
    _ builder: GGUFBuilder, _ body: (BaseCheckpoint) throws -> R
  ) throws -> R {
    try withTemporaryDirectory { folder in
      let path = folder + "/tiny.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      return try body(try BaseCheckpoint.open(path))
    }
  }
}
