import Adapters
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// The refusals of `formats/peft.md` §6, one defect each.
@Suite struct AdapterRefusalTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let code: String
    let exitCode: Int32
    let change: @Sendable (inout TinyAdapter) -> Void
    var testDescription: String { "\(name): \(code) (\(exitCode))" }

    init(
      _ name: String, _ code: String, _ exitCode: Int32,
      _ change: @escaping @Sendable (inout TinyAdapter) -> Void
    ) {
      (self.name, self.code, self.exitCode, self.change) = (name, code, exitCode, change)
    }

    /// A field of the configuration with a value.
    static func field(
      _ key: String, _ value: JSONValue?, _ code: String = "AD-FIELD", _ exitCode: Int32 = 69
    ) -> Refusal {
      Refusal("\(key) = \(value?.text() ?? "absent")", code, exitCode) { $0.set(key, value) }
    }

    /// Another tensor.
    static func tensor(_ name: String, _ shape: [Int]) -> Refusal {
      Refusal("tensor \(name)", "AD-TENSOR", 69) { $0.add(name, shape) }
    }
  }

  private static let prefix = "base_model.model.\(TinyAdapter.query)"

  static let fields: [Refusal] = [
    .field("peft_type", "LOHA", "AD-TENSOR", 69), .field("peft_type", "HRA", "AD-TYPE"),
    .field("peft_type", "ADALORA", "AD-PAIR", 65), .field("peft_type", "TINYLORA", "AD-FORMAT", 65),
    .field("peft_type", "VBLORA", "AD-TYPE"), .field("peft_type", "IA3", "AD-TYPE"),
    .field("peft_type", nil, "AD-TYPE"), .field("peft_type", 1, "AD-FIELD", 65),
    .field("use_dora", true, "AD-PAIR", 65), .field("use_dora", "yes", "AD-FIELD", 65),
    .field("bias", "some"), .field("bias", true), .field("lora_bias", 1, "AD-FIELD", 65),
    .field("modules_to_save", ["lm_head"], "AD-PAIR", 65),
    .field("modules_to_save", [1], "AD-FIELD", 65),
    .field("trainable_token_indices", [1], "AD-PAIR", 65),
    .field("trainable_token_indices", [1, 1], "AD-FIELD", 65),
    .field("trainable_token_indices", [-1], "AD-FIELD", 65),
    .field("layer_replication", [[0, 4], [2, 6]]), .field("layer_replication", [[1, 4]]),
    .field("layer_replication", [[0]], "AD-FIELD", 65),
    .field("layer_replication", ["x"], "AD-FIELD", 65),
    .field("alora_invocation_tokens", [1, 2]), .field("arrow_config", ["top_k": 3]),
    .field("use_qalora", "yes", "AD-FIELD", 65),
    .field("use_bdlora", ["nblocks": 0], "AD-FIELD", 65),
    .field("use_bdlora", ["nblocks": 2], "AD-FIELD", 65),
    .field("use_bdlora", ["nblocks": 2, "target_modules_bd_a": 3], "AD-FIELD", 65),
    .field("use_bdlora", ["nblocks": 2, "blocks_of_blocks": 3]),
    .field("use_bdlora", ["nblocks": 3, "target_modules_bd_a": ["q_proj"]], "AD-SHAPE", 65),
    .field(
      "use_bdlora",
      ["nblocks": 1, "target_modules_bd_a": ["q_proj"], "target_modules_bd_b": ["q_proj"]],
      "AD-FIELD", 65),
    .field("kasa_config", ["beta": 1.0], "AD-PAIR", 65),
    .field("init_lora_weights", "pissa_niter_4"), .field("init_lora_weights", "corda"),
    .field("init_lora_weights", "lora_ga"), .field("init_lora_weights", "loftq"),
    .field("corda_config", ["x": 1]), .field("lora_ga_config", ["x": 1]),
    .field("brand_new_field", 1), .field("brand_new_field", "yes"), .field("brand_new_field", [0]),
  ]

  static let numbers: [Refusal] = [
    .field("r", nil, "AD-RANK", 65), .field("r", 0, "AD-RANK", 65), .field("r", -1, "AD-RANK", 65),
    .field("r", 2.0, "AD-RANK", 65), .field("r", "2", "AD-RANK", 65),
    .field("r", 1_000_000_000, "AD-RANK", 65), .field("r", 3, "AD-RANK", 65),
    .field("rank_pattern", ["q_proj": 1], "AD-RANK", 65),
    .field("rank_pattern", ["q_proj": 0], "AD-RANK", 65),
    .field("r", .null, "AD-RANK", 65), .field("lora_alpha", .null, "AD-ALPHA", 65),
    .field("lora_alpha", "4", "AD-ALPHA", 65),
    .field("lora_alpha", 1e308, "AD-ALPHA", 65), .field("lora_alpha", [1], "AD-ALPHA", 65),
    .field("alpha_pattern", ["q_proj": "x"], "AD-ALPHA", 65),
    .field("use_rslora", "yes", "AD-FIELD", 65), .field("rank_pattern", [1], "AD-FIELD", 65),
    .field("rank_pattern", ["(": 1], "AD-PATTERN", 65),
    .field("alpha_pattern", ["(q)(?(1)_proj)": 1], "AD-PATTERN", 69),
    .field("target_modules", ["down_proj", "gate"], "AD-TARGET", 65),
    .field("target_modules", "nothing.*", "AD-TARGET", 65),
    .field("target_modules", [1], "AD-FIELD", 65),
  ]

  static let tensors: [Refusal] = [
    .tensor("\(prefix).lora_magnitude_vector", [3]), .tensor("\(prefix).lora_diag", [2]),
    Refusal("bias of another size", "AD-SHAPE", 65) { $0.add("\(prefix).lora_B.bias", [4]) },
    Refusal("magnitudes of another size", "AD-SHAPE", 65) {
      $0.set("use_dora", true)
      for module in [TinyAdapter.query, TinyAdapter.up] {
        $0.add("base_model.model.\(module).lora_magnitude_vector", [4])
      }
    },
    Refusal("DoRA on a changed base", "AD-FIELD", 69) {
      $0.set("use_dora", true)
      $0.set("init_lora_weights", "pissa")
      $0.add("\(prefix).lora_magnitude_vector", [3])
      $0.add("base_model.model.\(TinyAdapter.up).lora_magnitude_vector", [5])
    },
    Refusal("a LoRA-XS latent for one module only", "AD-PAIR", 65) {
      $0.add("\(prefix).default_lora_latent_mapping.weight", [2, 2])
    },
    Refusal("half an embedding", "AD-PAIR", 65) {
      $0.set("target_modules", ["q_proj", "up_proj", "embed_tokens"])
      $0.add("base_model.model.model.embed_tokens.lora_embedding_A", [2, 9])
    },
    Refusal("an embedding's magnitudes", "AD-TENSOR", 69) {
      $0.set("target_modules", ["q_proj", "up_proj", "embed_tokens"])
      $0.add("base_model.model.model.embed_tokens.lora_embedding_A", [2, 9])
      $0.add("base_model.model.model.embed_tokens.lora_embedding_B", [4, 2])
      $0.add("base_model.model.model.embed_tokens.lora_magnitude_vector", [9])
    },
    Refusal("rows that nobody names", "AD-FIELD", 65) {
      $0.add("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", [1, 4])
    },
    Refusal("rows of other tokens", "AD-SHAPE", 65) {
      $0.set("trainable_token_indices", [1, 2])
      $0.add("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", [1, 4])
    },
    .tensor("lm_head.weight", [9, 4]),
    Refusal("a kohya factor beside PEFT's", "AD-FORMAT", 65) {
      $0.add("lora_unet_down.lora_down.weight", [2, 4])
    },
    .tensor("something.else", [1]), .tensor("\(prefix).lora_E", [2, 1]),
    .tensor("lora_A.weight", [2, 4]),
    Refusal("experts that nobody names", "AD-PAIR", 65) {
      $0.add("base_model.model.model.layers.0.mlp.experts.base_layer.lora_A.weight", [2, 4])
    },
    Refusal("experts of another rank", "AD-RANK", 65) {
      $0.set("target_parameters", ["mlp.experts.down_proj"])
      $0.add("base_model.model.model.layers.0.mlp.experts.lora_A.weight", [3, 4])
      $0.add("base_model.model.model.layers.0.mlp.experts.lora_B.weight", [5, 3])
    },
    Refusal("A without B", "AD-PAIR", 65) { $0.remove("up_proj.lora_B") },
    Refusal("B without A", "AD-PAIR", 65) { $0.remove("up_proj.lora_A") },
    Refusal("no tensors", "AD-EMPTY", 65) { $0.remove("proj") },
    Refusal("same module twice", "AD-DUP", 65) {
      $0.add("\(TinyAdapter.query).lora_A.weight", [2, 4])
    },
    Refusal("ranks differ", "AD-SHAPE", 65) {
      $0.remove("q_proj.lora_B")
      $0.add("\(prefix).lora_B.weight", [3, 1])
    },
    Refusal("vector", "AD-SHAPE", 65) {
      $0.remove("q_proj.lora_B")
      $0.add("\(prefix).lora_B.weight", [3])
    },
    Refusal("convolution in groups", "AD-TENSOR", 69) {
      $0.remove("q_proj")
      $0.add("\(prefix).lora_A.weight", [2, 4, 3, 3])
      $0.add("\(prefix).lora_B.weight", [3, 1, 1, 1])
    },
    Refusal("empty matrix", "AD-RANK", 65) {
      $0.remove("q_proj")
      $0.addPair(TinyAdapter.query, outFeatures: 0, inFeatures: 4, rank: 2)
    },
    Refusal("layer number too large", "NAME-INDEX", 65) {
      $0.rename("layers.0.", "layers.999999999999999999999.")
    },
    Refusal("product overflows", "VAL-RANGE", 65) {
      for index in $0.tensors.indices {
        $0.tensors[index].values = $0.tensors[index].values.map { _ in 1e38 }
      }
    },
  ]

  @Test(arguments: fields + numbers + tensors) func refuses(_ refusal: Refusal) throws {
    var tiny = TinyAdapter()
    refusal.change(&tiny)
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == refusal.code)
      #expect(found?.exitCode == refusal.exitCode)
      #expect(found?.path?.hasPrefix(folder) == true)
    }
  }

  @Test(arguments: [Float.nan, .infinity]) func valuesThatAreNotFinite(value: Float) throws {
    // The writer refuses such values, so they are put into the file afterwards.
    try withTemporaryDirectory { (folder) throws in
      try TinyAdapter().write(to: folder)
      let path = Paths.join(folder, "adapter_model.safetensors")
      var bytes = try InputFile(path).readAll(limit: 1 << 20)
      withUnsafeBytes(of: value.bitPattern.littleEndian) {
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: $0)
      }
      try AtomicFile.write(path, bytes: bytes)
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == "VAL-NAN")
      #expect(found?.tensor != nil)
    }
  }

  static let configurations: [(String, String, Int32)] = [
    ("", "AD-CONFIG", 65), ("{", "AD-CONFIG", 65), ("[]", "AD-FIELD", 65),
    ("{\"r\":1,\"r\":2}", "AD-CONFIG", 65), ("\u{feff}{}", "AD-CONFIG", 65),
    ("version https://git-lfs.github.com/spec/v1\n", "FILE-LFS", 65),
    ("<!DOCTYPE html>", "FILE-HTML", 65),
    ("{\"r\":2}", "AD-TYPE", 69),
  ]

  @Test(arguments: configurations)
  func brokenConfigurations(text: String, code: String, exitCode: Int32) throws {
    try withTemporaryDirectory { (folder) throws in
      try TinyAdapter().write(to: folder)
      let path = Paths.join(folder, "adapter_config.json")
      try AtomicFile.write(path, text: text)
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == code)
      #expect(found?.exitCode == exitCode)
      #expect(found?.path == path)
    }
  }

  @Test func missingFilesAndOldFormats() throws {
    try withTemporaryDirectory { (folder) throws in
      let nothing = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(nothing?.exitCode == 66)
      let archive = Paths.join(folder, "adapters.npz")
      try AtomicFile.write(archive, text: "x")
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.exitCode == 69)
      #expect(found?.code == "FILE-FORMAT")
      _ = SystemCalls.posix.unlink(archive)
      // A pickle from before torch 1.6 is no archive.
      let pickle = Paths.join(folder, "adapter_model.bin")
      try AtomicFile.write(pickle, bytes: [0x80, 2, 0x8a, 10])
      #expect(fault { () throws(Fault) in try Adapter.open(folder) }?.code == "FILE-FORMAT")
      _ = SystemCalls.posix.unlink(pickle)
      try TinyAdapter().write(to: folder)
      _ = SystemCalls.posix.unlink(Paths.join(folder, "adapter_config.json"))
      #expect(fault { () throws(Fault) in try Adapter.open(folder) }?.exitCode == 66)
    }
  }

  /// Every refused field says what its owner can do.
  @Test func refusalsCarryAdvice() throws {
    for (key, value, word) in [
      ("layer_replication", [[1, 4]], "write that model out as the base"),
      ("init_lora_weights", "corda", "path_initial_model_for_weight_conversion"),
      ("init_lora_weights", "loftq", "merge"), ("arrow_config", ["top_k": 3], "one by one"),
      ("alora_invocation_tokens", [1], "serve it with PEFT"),
    ] as [(String, JSONValue, String)] {
      var tiny = TinyAdapter()
      tiny.set(key, value)
      try withTemporaryDirectory { (folder) throws in
        try tiny.write(to: folder)
        let found = fault { () throws(Fault) in try Adapter.open(folder) }
        #expect(found?.reason.contains(word) == true, "\(key)")
        #expect((found?.line.utf8.count ?? 0) <= 400)
      }
    }
  }

  @Test func truncatedWeightsAreNamed() throws {
    try withTemporaryDirectory { (folder) throws in
      try TinyAdapter().write(to: folder)
      let path = Paths.join(folder, "adapter_model.safetensors")
      let bytes = try InputFile(path).readAll(limit: 1 << 20)
      try AtomicFile.write(path, bytes: Array(bytes.dropLast()))
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == "ST-TRUNC")
    }
  }
}
