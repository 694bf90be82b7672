import Adapters
import Faults
import Files
import JSON
import TestSupport
import Testing

/// What each dialect refuses, one defect each (`formats/adapters.md` §10), and how dialects are told apart.
@Suite struct DialectRefusalTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let code: String
    let exitCode: Int32
    /// Part of the message: what is refused or what can be done.
    let word: String
    let adapter: LooseAdapter
    var testDescription: String { "\(name): \(code) (\(exitCode))" }

    init(
      _ name: String, _ code: String, _ exitCode: Int32, _ word: String, _ adapter: LooseAdapter
    ) {
      (self.name, self.code, self.exitCode) = (name, code, exitCode)
      (self.word, self.adapter) = (word, adapter)
    }
  }

  static let module = "model.layers.0.self_attn.q_proj"

  // MARK: - MLX

  static func mlx(
    _ parameters: JSONValue = ["rank": 2, "scale": 10.0], type: JSONValue = "lora",
    _ more: [(String, [Int])] = []
  ) -> LooseAdapter {
    LooseAdapter(
      tensors: [(name: "\(module).lora_a", shape: [4, 2]), ("\(module).lora_b", [2, 3])]
        + more.map { (name: $0.0, shape: $0.1) },
      configuration: ["fine_tune_type": type, "lora_parameters": parameters])
  }

  static let mlxRefusals: [Refusal] = [
    Refusal("MLX DoRA", "AD-PAIR", 65, "m is missing", mlx(type: "dora")),
    Refusal("MLX full", "AD-FIELD", 69, "mlx_lm.fuse", mlx(type: "full")),
    Refusal("MLX magnitude", "AD-PAIR", 65, "DoRA", mlx([("\(module).m", [3])])),
    Refusal("MLX weight", "AD-TENSOR", 69, "mlx_lm.fuse", mlx([("\(module).weight", [3, 4])])),
    Refusal("MLX without scale", "AD-FIELD", 65, "scale", mlx(["rank": 2])),
    Refusal("MLX scale of text", "AD-FIELD", 65, "scale", mlx(["rank": 2, "scale": "10"])),
    Refusal("MLX scale too large", "AD-ALPHA", 65, "scale", mlx(["rank": 2, "scale": 1e20])),
    Refusal("MLX rank", "AD-RANK", 65, "rank 2", mlx(["rank": 3, "scale": 1.0])),
    Refusal(
      "MLX alpha of an early version", "AD-ALPHA", 65, "alpha/rank",
      LooseAdapter(
        tensors: [("\(module).lora_a", [4, 2]), ("\(module).lora_b", [2, 3])],
        configuration: [
          "lora_layers": 2, "lora_parameters": ["rank": 2, "alpha": 16, "scale": 1.0],
        ])),
    Refusal(
      "MLX keys that name nothing", "AD-TARGET", 65, "keys",
      mlx(["rank": 2, "scale": 1.0, "keys": ["mlp.up_proj"]])),
    Refusal(
      "MLX experts", "AD-TENSOR", 69, "experts",
      LooseAdapter(
        tensors: [("\(module).lora_a", [2, 2, 4]), ("\(module).lora_b", [2, 3, 2])],
        configuration: ["fine_tune_type": "lora", "lora_parameters": ["scale": 1.0]])),
    Refusal(
      "MLX without configuration", "IO-OPEN", 66, "scale",
      LooseAdapter(tensors: [("\(module).lora_a", [4, 2]), ("\(module).lora_b", [2, 3])])),
    Refusal("MLX half a pair", "AD-PAIR", 65, "lora_b", mlx([("x.q_proj.lora_a", [4, 2])])),
  ]

  static func mlx(_ more: [(String, [Int])]) -> LooseAdapter { mlx(type: "lora", more) }

  // MARK: - kohya

  static func kohya(_ parts: [(String, [Int])]) -> LooseAdapter {
    LooseAdapter(
      tensors: parts.map { (name: "lycoris_layers_0_q_proj.\($0.0)", shape: $0.1) },
      fileName: "net.safetensors")
  }

  static let pair: [(String, [Int])] = [("lora_down.weight", [2, 4]), ("lora_up.weight", [3, 2])]

  static let kohyaRefusals: [Refusal] =
    [
      ("hada_t1", [2, 2, 3, 3], "Tucker"), ("lokr_t2", [2, 2, 3, 3], "Tucker"),
      ("dora_scale", [3, 1], "DoRA"),
    ].map { (part: String, shape: [Int], word: String) in
      Refusal("kohya \(part)", "AD-TENSOR", 69, word, kohya(pair + [(part, shape)]))
    } + [
      Refusal(
        "kohya OFT", "AD-TENSOR", 69, "orthogonal", kohya([("oft_blocks", [2, 4, 4])])),
      Refusal(
        "kohya core", "AD-SHAPE", 65, "lora_mid",
        kohya(pair + [("lora_mid.weight", [2, 3, 3, 3])])),
      Refusal("kohya half a pair", "AD-PAIR", 65, "lora_up", kohya([pair[0]])),
      Refusal(
        "kohya alpha of two", "AD-SHAPE", 65, "one value", kohya(pair + [("alpha", [2])])),
      Refusal(
        "kohya two kinds", "AD-TENSOR", 65, "another kind",
        kohya([("lokr_w1", [2, 2]), ("lokr_w2", [2, 2])] + pair)),
      Refusal(
        "LoHa shapes", "AD-SHAPE", 65, "hada_w1_a",
        kohya([
          ("hada_w1_a", [3, 2]), ("hada_w1_b", [2, 4]), ("hada_w2_a", [5, 2]),
          ("hada_w2_b", [2, 4]),
        ])),
      Refusal(
        "LoKr too large", "MEM-BUDGET", 71, "memory",
        kohya([("lokr_w1", [700, 700]), ("lokr_w2", [700, 700])])),
      Refusal("LoKr half", "AD-PAIR", 65, "lokr_w2_a", kohya([("lokr_w1", [2, 2])])),
      Refusal(
        "kohya stranger", "AD-TENSOR", 69, "no LyCORIS factor", kohya(pair + [("other", [1])])),
    ]

  // MARK: - diffusers, PEFT

  static func diffusers(
    _ component: String, metadata: String? = nil, _ more: [(String, [Int])] = []
  ) -> LooseAdapter {
    let name = "\(component).layers.0.q_proj"
    return LooseAdapter(
      tensors: [
        (name: "\(name).lora_A.weight", shape: [2, 4]), ("\(name).lora_B.weight", [3, 2]),
      ]
        + more.map { (name: $0.0, shape: $0.1) },
      metadata: metadata.map { [("lora_adapter_metadata", $0)] } ?? [],
      fileName: "pytorch_lora_weights.safetensors")
  }

  static let otherRefusals: [Refusal] = [
    Refusal(
      "two components", "AD-FORMAT", 69, "several models",
      diffusers(
        "text_encoder",
        [
          ("unet.a.lora_A.weight", [2, 4]), ("unet.a.lora_B.weight", [3, 2]),
        ])),
    Refusal(
      "attention processor", "AD-TENSOR", 69, "llama-family",
      LooseAdapter(tensors: [("unet.a.processor.to_q_lora.down.weight", [2, 4])])),
    Refusal(
      "rank in metadata", "AD-RANK", 65, "metadata",
      diffusers("text_encoder", metadata: #"{"text_encoder.r":4,"text_encoder.lora_alpha":4}"#)),
    Refusal(
      "DoRA in metadata", "AD-FIELD", 69, "magnitude",
      diffusers(
        "text_encoder",
        metadata:
          #"{"text_encoder.r":2,"text_encoder.lora_alpha":4,"text_encoder.use_dora":true}"#)),
    Refusal(
      "broken metadata", "AD-CONFIG", 65, "lora_adapter_metadata",
      diffusers("text_encoder", metadata: "{")),
    Refusal(
      "alpha against metadata", "AD-ALPHA", 65, "metadata",
      diffusers(
        "text_encoder", metadata: #"{"text_encoder.r":2,"text_encoder.lora_alpha":4}"#,
        [("text_encoder.layers.0.q_proj.alpha", [1])])),
    Refusal(
      "no adapter", "AD-FORMAT", 69, "no tensor is named",
      LooseAdapter(tensors: [("model.embed_tokens.weight", [3, 4])])),
    Refusal(
      "two dialects by names", "AD-FORMAT", 65, "or mlx",
      LooseAdapter(tensors: [
        ("\(module).lora_A.weight", [2, 4]), ("\(module).lora_a", [4, 2]),
      ])),
    Refusal(
      "two dialects by configuration", "AD-FORMAT", 65, "mlx (adapter_config.json",
      LooseAdapter(
        tensors: [("\(module).lora_A.weight", [2, 4]), ("\(module).lora_B.weight", [3, 2])],
        configuration: ["fine_tune_type": "lora"])),
    Refusal(
      "GPT-2 without prefix", "AD-FORMAT", 65, "--format",
      LooseAdapter(
        tensors: [
          ("transformer.h.0.c_fc.lora_A.weight", [2, 4]),
          ("transformer.h.0.c_fc.lora_B.weight", [3, 2]),
        ],
        configuration: ["peft_type": "LORA", "r": 2, "lora_alpha": 2])),
    Refusal(
      "TinyLoRA without P", "AD-TENSOR", 69, "save_projection",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).tinylora_A", [2, 4]),
          ("base_model.model.\(module).tinylora_B", [3, 2]), ("base_model.tinylora_v.0", [3]),
        ],
        configuration: ["peft_type": "TINYLORA", "r": 2, "u": 3])),
    Refusal(
      "VeRA without its projection", "AD-TENSOR", 69, "save_projection",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).vera_lambda_b", [3]),
          ("base_model.model.\(module).vera_lambda_d", [2]),
        ],
        configuration: ["peft_type": "VERA", "r": 2])),
    Refusal(
      "VeRA of another rank", "AD-SHAPE", 65, "vera_lambda_d has 2 values for rank 4",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).vera_lambda_b", [3]),
          ("base_model.model.\(module).vera_lambda_d", [2]), ("base_model.vera_A", [4, 4]),
          ("base_model.vera_B", [3, 4]),
        ],
        configuration: ["peft_type": "VERA", "r": 4])),
    Refusal(
      "VeRA with more rows than B", "AD-SHAPE", 65, "up to 3 values",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).vera_lambda_b", [9]),
          ("base_model.model.\(module).vera_lambda_d", [4]), ("base_model.vera_A", [4, 4]),
          ("base_model.vera_B", [3, 4]),
        ],
        configuration: ["peft_type": "VERA", "r": 4])),
    Refusal(
      "sizes beside a zero", "AD-SHAPE", 65, "no matrix",
      LooseAdapter(
        tensors: [("\(module).lora_a", [1 << 40, 0]), ("\(module).lora_b", [0, 3])],
        configuration: ["fine_tune_type": "lora", "lora_parameters": ["scale": 1.0]])),
    Refusal(
      "QALoRA of huge groups", "MEM-BUDGET", 71, "memory",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).lora_A.weight", [65_536, 16]),
          ("base_model.model.\(module).lora_B.weight", [1, 65_536]),
        ],
        configuration: [
          "peft_type": "LORA", "r": 65_536, "lora_alpha": 2, "use_qalora": true,
          "qalora_group_size": 1_048_576,
        ])),
    Refusal("LoKr of PEFT with a core", "AD-TENSOR", 69, "merge", peftLoKr("lokr_t2", rank: 1)),
    Refusal("LoKr of PEFT, rank", "AD-RANK", 65, "rank 1", peftLoKr("lokr_w1", rank: 2)),
    Refusal(
      "TinyLoRA without its vector", "AD-PAIR", 65, "tinylora_v",
      LooseAdapter(
        tensors: [
          ("base_model.model.\(module).tinylora_A", [2, 4]),
          ("base_model.model.\(module).tinylora_B", [3, 2]), ("base_model.tinylora_v.1", [3]),
        ],
        configuration: ["peft_type": "TINYLORA", "r": 2, "u": 3])),
  ]

  /// PEFT's LoKr of rank 1 with one more part.
  static func peftLoKr(_ part: String, rank: Int) -> LooseAdapter {
    let name = "base_model.model.\(module)"
    return LooseAdapter(
      tensors: [
        ("\(name).\(part)", [2, 2]), ("\(name).lokr_w2_a", [2, 1]), ("\(name).lokr_w2_b", [1, 2]),
      ],
      configuration: ["peft_type": "LOKR", "r": .integer(rank), "alpha": 2])
  }

  @Test(arguments: mlxRefusals + kohyaRefusals + otherRefusals)
  func refuses(_ refusal: Refusal) throws {
    try withTemporaryDirectory { (folder) throws in
      try refusal.adapter.write(to: folder)
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == refusal.code)
      #expect(found?.exitCode == refusal.exitCode)
      #expect(found?.reason.contains(refusal.word) == true, "\(found?.reason ?? "")")
      #expect(found?.path?.hasPrefix(folder) == true)
    }
  }

  // MARK: - GGUF

  /// One text of the golden file for another of the same length.
  static let ggufRefusals: [(from: String, to: String, code: String, word: String)] = [
    ("llama", "grokk", "AD-TYPE", "grokk"),
    ("\u{4}\0\0\0\0\0\0\0lora", "\u{4}\0\0\0\0\0\0\0ctrl", "AD-TYPE", "ctrl"),
    ("\u{7}\0\0\0\0\0\0\0adapter", "\u{7}\0\0\0\0\0\0\0modelss", "AD-TYPE", "modelss"),
    ("adapter.lora.alpha", "adapter.lora.alphb", "AD-ALPHA", "missing"),
    ("attn_q.weight.lora_b", "attn_q.weight.lora_c", "AD-TENSOR", "llama-export-lora"),
    ("blk.0.attn_q.weight.lora_b", "blk.0.attn_x.weight.lora_b", "AD-TENSOR", "attn_x"),
    ("blk.0.attn_q.weight.lora_b", "blk.2.attn_q.weight.lora_b", "AD-PAIR", "missing"),
  ]

  @Test(arguments: ggufRefusals)
  func refusesGGUF(from: String, to: String, code: String, word: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let golden = Checkout.path("golden/adapters_dialects/gguf-lora/adapter.gguf")
      var bytes = try InputFile(golden).readAll(limit: 1 << 20)
      let place = try #require(bytes.firstRange(of: Array(from.utf8)))
      bytes.replaceSubrange(place, with: Array(to.utf8))
      let path = Paths.join(folder, "changed.gguf")
      try AtomicFile.write(path, bytes: bytes)
      let found = fault { () throws(Fault) in try Adapter.open(path) }
      #expect(found?.code == code)
      #expect(found?.reason.contains(word) == true, "\(found?.reason ?? "")")
    }
  }

  @Test func outputHeadsAreChangesOfTheirOwn() throws {
    try withTemporaryDirectory { (folder) throws in
      try LooseAdapter(
        tensors: [("lm_head.lora_a", [4, 2]), ("lm_head.lora_b", [2, 9])],
        configuration: ["fine_tune_type": "lora", "lora_parameters": ["scale": 1.0]]
      ).write(to: folder)
      let adapter = try Adapter.open(folder)
      let matched = try adapter.matched(
        to: [(Self.module, 9, 4)], parameters: [("lm_head.weight", [9, 4])])
      #expect(matched.updates.isEmpty)
      #expect(matched.parts.map(\.parameter) == ["lm_head.weight"])
      let other = fault { () throws(Fault) in
        try adapter.matched(to: [], parameters: [("lm_head.weight", [9, 5])])
      }
      #expect(other?.code == "AD-BASE")
      let found = fault { () throws(Fault) in try adapter.matched(to: [(Self.module, 9, 4)]) }
      #expect(found?.code == "AD-TARGET")
    }
  }

  // MARK: - Forcing

  @Test func aNamedDialectSettlesWhatContentLeavesOpen() throws {
    try withTemporaryDirectory { (folder) throws in
      let name = "transformer.h.0.mlp.c_fc"
      try LooseAdapter(
        tensors: [("\(name).lora_A.weight", [2, 4]), ("\(name).lora_B.weight", [3, 2])],
        configuration: ["peft_type": "LORA", "r": 2, "lora_alpha": 6]
      ).write(to: folder)
      let peft = try Adapter.open(folder, format: .peft)
      #expect(peft.updates.map(\.moduleName) == [name])
      #expect(peft.updates.map(\.scaling) == [3])
      #expect(peft.detection.reason == "asked for")
      let diffusers = try Adapter.open(folder, format: .diffusers)
      #expect(diffusers.updates.map(\.moduleName) == ["h.0.mlp.c_fc"])
      #expect(peft.identity != diffusers.identity)
      let gguf = fault { () throws(Fault) in try Adapter.open(folder, format: .ggufLoRA) }
      #expect(gguf?.code == "AD-FORMAT")
    }
  }

  @Test func severalFilesAreNotChosenFrom() throws {
    try withTemporaryDirectory { (folder) throws in
      var adapter = Self.kohya(Self.pair)
      try adapter.write(to: folder)
      #expect(try Adapter.open(folder).updates.count == 1)
      adapter.fileName = "other.safetensors"
      try adapter.write(to: folder)
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == "AD-FORMAT")
      #expect(found?.reason.contains("net.safetensors and other.safetensors") == true)
      let one = try Adapter.open(Paths.join(folder, "net.safetensors"))
      #expect(one.name == "net")
    }
  }

  @Test func modelsAreNoAdapters() {
    #expect(!AdapterFiles.isAdapter(Checkout.path("golden/tiny/model")))
    #expect(!AdapterFiles.isAdapter(Checkout.path("golden/tiny/model/model.safetensors")))
    #expect(!AdapterFiles.isAdapter(Checkout.path("golden/gguf/blocks/blocks.gguf")))
    #expect(AdapterFiles.isAdapter(Checkout.path("golden/tiny/adapter")))
  }
}
