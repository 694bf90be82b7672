import Adapters
import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing

/// What becomes of every field and dialect that adapters are known to have: each is read and has an answer of another
/// program, changes nothing, or is refused by name with what its owner can do.
@Suite struct FormatTableTests {
  enum Fate: Sendable {
    /// Read; the adapter lies in this folder, whose answers another test compares.
    case golden(String)
    /// Read without effect on any update.
    case inert(String, JSONValue)
    /// Refused: code, exit code, a word of the advice.
    case refused(String, JSONValue, String, Int32, String)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let fate: Fate
    var testDescription: String { name }
    init(_ name: String, _ fate: Fate) { (self.name, self.fate) = (name, fate) }
  }

  private static func variant(_ name: String) -> Fate {
    .golden("golden/adapters_variants/\(name)")
  }
  private static func dialect(_ name: String) -> Fate {
    .golden("golden/adapters_dialects/\(name)")
  }
  private static func refused(_ key: String, _ value: JSONValue, _ word: String) -> Fate {
    .refused(key, value, "AD-FIELD", 69, word)
  }

  /// Fields of PEFT's configuration.
  static let fields: [Row] =
    [
      Row("r, lora_alpha", .golden("golden/tiny/adapter")),
      Row("use_rslora, rank_pattern, alpha_pattern", .golden("golden/tiny/adapter-patterns")),
      Row("fan_in_fan_out, Conv1D", variant("conv1d")),
      Row("target_parameters", variant("experts")),
      Row("modules_to_save", variant("saved")), Row("bias", variant("conv1d")),
      Row("lora_bias", variant("lora-bias")), Row("use_dora", variant("dora")),
      Row("init pissa", variant("pissa")), Row("init olora", variant("olora")),
      Row("init pissa, converted", dialect("pissa-converted")),
      Row("trainable_token_indices", variant("tokens")), Row("embeddings", variant("embedding")),
      Row("convolutions", variant("convolution")), Row("use_qalora", dialect("qalora")),
      Row("use_bdlora", variant("bdlora")), Row("kasa_config", variant("kasa")),
      Row("ADALORA", dialect("adalora")), Row("adapter_model.bin", dialect("bin")),
      Row("LOHA", dialect("peft-loha")), Row("LOKR", dialect("peft-lokr-whole")),
      Row("LOKR, products", dialect("peft-lokr-split")), Row("TINYLORA", dialect("tinylora")),
      Row("VERA", dialect("vera")),
      Row("exclude_modules", .inert("exclude_modules", ["lm_head"])),
      Row("layers_to_transform", .inert("layers_to_transform", [0])),
      Row("layers_pattern", .inert("layers_pattern", "layers")),
      Row("layer_replication, the base's own", .inert("layer_replication", [[0, 2], [2, 4]])),
      Row("megatron_config", .inert("megatron_config", ["x": 1])),
      Row("lora_dropout", .inert("lora_dropout", 0.1)),
      Row("inference_mode", .inert("inference_mode", false)),
      Row("loftq_config", .inert("loftq_config", ["loftq_bits": 4])),
      Row("eva_config", .inert("eva_config", ["rho": 2.0])),
      Row("runtime_config", .inert("runtime_config", ["ephemeral_gpu_offload": false])),
      Row("velora_config", .inert("velora_config", ["x": 1])),
      Row("monteclora_config", .inert("monteclora_config", ["x": 1])),
      Row("ensure_weight_tying", .inert("ensure_weight_tying", true)),
      Row("revision", .inert("revision", "main")),
      Row("base_model_name_or_path", .inert("base_model_name_or_path", "somewhere")),
      Row("init gaussian", .inert("init_lora_weights", "gaussian")),
      Row("init orthogonal", .inert("init_lora_weights", "orthogonal")),
      Row("init eva", .inert("init_lora_weights", "eva")),
      Row("init mica", .inert("init_lora_weights", "mica")),
      Row("init false", .inert("init_lora_weights", false)),
      Row("bias all, none in the file", .inert("bias", "all")),
      Row("layer_replication", refused("layer_replication", [[0, 2], [1, 3]], "expanded")),
      Row("alora_invocation_tokens", refused("alora_invocation_tokens", [1, 2], "certain tokens")),
      Row("arrow_config", refused("arrow_config", ["top_k": 3], "one by one")),
      Row("init pissa_niter", refused("init_lora_weights", "pissa_niter_16", "save with")),
      Row("init corda", refused("init_lora_weights", "corda", "save with")),
      Row("init lora_ga", refused("init_lora_weights", "lora_ga", "save with")),
      Row("init loftq", refused("init_lora_weights", "loftq", "merge")),
      Row("corda_config", refused("corda_config", ["x": 1], "save with")),
      Row("lora_ga_config", refused("lora_ga_config", ["x": 1], "save with")),
      Row("an unknown field", refused("of_tomorrow", 1, "not a known field")),
    ]
    + [
      "OFT", "BOFT", "IA3", "HRA", "RANDLORA", "MISS", "BONE", "LN_TUNING", "FOURIERFT",
      "VBLORA",
      "PROMPT_TUNING", "SHIRA", "C3A",
    ].map { type in
      Row("peft_type \(type)", .refused("peft_type", .string(type), "AD-TYPE", 69, "merge"))
    }

  /// Dialects of other programs.
  static let dialects: [Row] = [
    Row("kohya LoRA", dialect("kohya-lora")), Row("LoHa", dialect("kohya-loha")),
    Row("LoKr", dialect("kohya-lokr")), Row("LoCon", variant("kohya-convolution")),
    Row("diff, norms", variant("kohya-differences")), Row("diffusers", dialect("diffusers")),
    Row("diffusers, old", dialect("diffusers-old")), Row("MLX-LM", dialect("mlx")),
    Row("MLX-LM DoRA", variant("mlx-dora")), Row("GGUF LoRA", dialect("gguf-lora")),
    Row("GGUF LoRA, alpha 0", dialect("gguf-lora-unscaled")),
    Row("GGUF LoRA of embeddings and head", variant("gguf-embedding")),
    Row("LoRA-XS, both spellings", dialect("lora-xs")),
  ]

  @Test(arguments: fields + dialects) func everyRowHasItsFate(_ row: Row) throws {
    switch row.fate {
    case .golden(let folder):
      let adapter = try Adapter.open(Checkout.path(folder))
      #expect(!adapter.updates.isEmpty || !adapter.parts.isEmpty)
      // The answers lie beside the folder, or in a golden case of its own.
      let answers = Checkout.path(Paths.join(Paths.parent(of: folder), "expected.safetensors"))
      guard Paths.kind(of: answers) == .file else { return }
      let name = Paths.name(of: folder)
      #expect(
        try SafeTensorsFile.open(answers).tensors.contains { $0.name.hasPrefix(name + "/") })
    case .inert(let key, let value):
      try withChanged(key, value) { folder in
        let adapter = try Adapter.open(folder)
        try withTemporaryDirectory { plain in
          try TinyAdapter().write(to: plain)
          #expect(try adapter.updates == Adapter.open(plain).updates)
        }
        #expect(adapter.parts.isEmpty && !adapter.needsResolution)
      }
    case .refused(let key, let value, let code, let exitCode, let word):
      try withChanged(key, value) { folder in
        let found = fault { () throws(Fault) in try Adapter.open(folder) }
        #expect(found?.code == code && found?.exitCode == exitCode)
        #expect(found?.reason.contains(word) == true, "\(found?.reason ?? "accepted")")
        #expect(found?.reason.contains(key) == true)
      }
    }
  }

  /// A plain adapter with one field of its configuration set.
  private func withChanged(
    _ key: String, _ value: JSONValue, _ body: (String) throws -> Void
  ) throws {
    var tiny = TinyAdapter()
    tiny.set(key, value)
    try withTemporaryDirectory { folder in
      try tiny.write(to: folder)
      try body(folder)
    }
  }
}
