import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Tensors and fields of an adapter of which each is sound and two do not go together (`formats/adapters.md` §10).
@Suite struct FittingTests {
  /// What is wrong, and what the refusal names: a tensor or a module, nil for the configuration.
  struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let code: String
    let exitCode: Int32
    let subject: String?
    let adapter: LooseAdapter
    let format: AdapterDialect?
    var testDescription: String { "\(name): \(code) (\(exitCode))" }

    init(
      _ name: String, _ code: String, _ exitCode: Int32, _ subject: String?,
      format: AdapterDialect? = nil, _ configuration: JSONValue?, _ tensors: [(String, [Int])]
    ) {
      (self.name, self.code, self.exitCode) = (name, code, exitCode)
      (self.subject, self.format) = (subject, format)
      adapter = LooseAdapter(
        tensors: tensors.map { (name: $0.0, shape: $0.1) }, configuration: configuration)
    }
  }

  private static let module = "model.layers.0.self_attn.q_proj"
  private static let prefix = "base_model.model.\(module)"

  // MARK: - VeRA and TinyLoRA

  private static let vera: JSONValue = ["peft_type": "VERA", "r": 4]
  private static func vera(_ shared: [(String, [Int])]) -> [(String, [Int])] {
    [("\(prefix).vera_lambda_b", [3]), ("\(prefix).vera_lambda_d", [4])] + shared
  }

  private static let tiny: JSONValue = ["peft_type": "TINYLORA", "r": 2, "u": 3]
  private static func tiny(
    _ path: String = module, core: [Int] = [3, 2, 2], group: Int = 0
  ) -> [(String, [Int])] {
    [
      ("base_model.model.\(path).tinylora_A", [2, 4]),
      ("base_model.model.\(path).tinylora_B", [3, 2]),
      ("base_model.model.\(path).tinylora_P", core), ("base_model.tinylora_v.\(group)", [3]),
    ]
  }

  static let shared: [Refusal] = [
    Refusal(
      "VeRA with two A", "AD-DUP", 65, "vera_A", vera,
      vera([
        ("base_model.vera_A", [4, 4]), ("module.base_model.vera_A", [4, 4]),
        ("base_model.vera_B", [3, 4]),
      ])),
    Refusal(
      "VeRA of two ranks", "AD-SHAPE", 65, "base_model.vera_B", vera,
      vera([("base_model.vera_A", [4, 4]), ("base_model.vera_B", [3, 2])])),
    Refusal(
      "VeRA with a flat A", "AD-SHAPE", 65, "base_model.vera_A", vera,
      vera([("base_model.vera_A", [16]), ("base_model.vera_B", [3, 4])])),
    Refusal(
      "LoRA as VeRA", "AD-TYPE", 69, nil, format: .vera, ["peft_type": "LORA", "r": 4],
      vera([("base_model.vera_A", [4, 4]), ("base_model.vera_B", [3, 4])])),
    Refusal("TinyLoRA without configuration", "IO-OPEN", 66, nil, nil, tiny()),
    Refusal(
      "TinyLoRA with two v", "AD-DUP", 65, "tinylora_v.0", tiny,
      tiny() + [("module.base_model.tinylora_v.0", [3])]),
    Refusal(
      "TinyLoRA with P of another rank", "AD-SHAPE", 65, "\(prefix).tinylora_P", tiny,
      tiny(core: [3, 2, 3])),
    Refusal(
      "TinyLoRA in groups of unknown order", "AD-TENSOR", 69, "a.other", tiny,
      tiny("a.other") + tiny("b.other", group: 1)),
    Refusal(
      "LoRA as TinyLoRA", "AD-TYPE", 69, nil, format: .tinyLoRA, ["peft_type": "LORA", "r": 2],
      tiny()),
    Refusal(
      "TinyLoRA that shares twice", "AD-FIELD", 65, nil,
      ["peft_type": "TINYLORA", "r": 2, "u": 3, "weight_tying": 2.0], tiny()),
  ]

  // MARK: - LoRA-XS and PEFT

  private static func peft(_ more: (String, JSONValue)...) -> JSONValue {
    var object = JSONObject([
      ("peft_type", "LORA"), ("r", 2), ("lora_alpha", 4),
      ("target_modules", ["q_proj", "experts"]),
    ])
    for (key, value) in more { object[key] = value }
    return .object(object)
  }

  private static let pair: [(String, [Int])] = [
    ("\(prefix).lora_A.weight", [2, 4]), ("\(prefix).lora_B.weight", [3, 2]),
  ]
  private static func latent(_ side: Int = 2) -> [(String, [Int])] {
    pair + [("\(prefix).default_lora_latent_mapping.weight", [side, side])]
  }
  private static let experts: [(String, [Int])] = [
    ("base_model.model.model.layers.0.mlp.experts.lora_A.weight", [2, 4]),
    ("base_model.model.model.layers.0.mlp.experts.lora_B.weight", [5, 2]),
  ]

  /// Looks ahead at every place of a name, over and over.
  private static let slow =
    String(repeating: "(?:(?!(?:(?!(?:(?!c).)*c).)*c).)*x|", count: 40) + "x"

  static let peftRefusals: [Refusal] = [
    Refusal(
      "latents beside QALoRA", "AD-TYPE", 69, nil,
      peft(("use_qalora", true), ("qalora_group_size", 2)), latent()),
    Refusal(
      "latents beside a diagonal", "AD-TENSOR", 69, "\(prefix).lora_diag", peft(),
      latent() + [("\(prefix).lora_diag", [2])]),
    Refusal("latents of another rank", "AD-RANK", 65, module, peft(), latent(3)),
    Refusal(
      "latents as PEFT", "AD-TENSOR", 69, "latent_mapping", format: .peft, peft(), latent()),
    Refusal(
      "AdaLoRA beside DoRA", "AD-FIELD", 69, nil,
      ["peft_type": "ADALORA", "init_r": 2, "lora_alpha": 4, "use_dora": true], pair),
    Refusal(
      "QALoRA of too many inputs", "AD-SHAPE", 65, module,
      peft(("r", 1), ("use_qalora", true), ("qalora_group_size", 1_048_576)),
      [("\(prefix).lora_A.weight", [1, 17]), ("\(prefix).lora_B.weight", [3, 1])]),
    Refusal(
      "a convolution beside PiSSA", "AD-TENSOR", 69, "\(prefix).lora_A.weight",
      peft(("init_lora_weights", "pissa")),
      [("\(prefix).lora_A.weight", [2, 4, 3, 3]), ("\(prefix).lora_B.weight", [3, 2, 1, 1])]),
    Refusal(
      "experts of unknown order", "AD-TENSOR", 69, "model.layers.0.mlp.experts",
      peft(("target_parameters", ["mlp.experts.down_proj", "mlp.experts.other_proj"])),
      pair + experts),
    Refusal(
      "a pattern that takes too long", "AD-PATTERN", 69, nil,
      peft(("rank_pattern", .object(JSONObject([(slow, 1)])))),
      pair.map { ($0.0.replacing("layers", with: String(repeating: "a", count: 3000)), $0.1) }),
    Refusal(
      "nothing but a wrapper", "AD-TENSOR", 69, "_orig_mod", peft(), pair + [("_orig_mod", [1])]),
    Refusal(
      "rows in other words", "AD-TENSOR", 69, "x.token_adapter.other", peft(),
      pair + [("x.token_adapter.other", [1])]),
    Refusal(
      "a weight of no module", "AD-TENSOR", 69, "base_model.model.weight", peft(),
      pair + [("base_model.model.weight", [1])]),
  ]

  // MARK: - Others

  private static let mlx: JSONValue = [
    "fine_tune_type": "lora", "lora_parameters": ["rank": 2, "scale": 1.0],
  ]
  private static func network(_ parts: [(String, [Int])]) -> [(String, [Int])] {
    parts.map { ("lycoris_layers_0_q_proj.\($0.0)", $0.1) }
  }

  static let others: [Refusal] = [
    Refusal(
      "MLX of two ranks", "AD-SHAPE", 65, module, mlx,
      [("\(module).lora_a", [4, 2]), ("\(module).lora_b", [3, 3])]),
    Refusal(
      "MLX DoRA of embeddings", "AD-TENSOR", 69, "model.embed_tokens",
      ["fine_tune_type": "dora", "lora_parameters": ["rank": 2, "scale": 1.0]],
      [
        ("model.embed_tokens.lora_a", [9, 2]), ("model.embed_tokens.lora_b", [2, 4]),
        ("model.embed_tokens.m", [4]),
      ]),
    Refusal(
      "PEFT as MLX", "AD-FORMAT", 65, nil, format: .mlx, ["peft_type": "LORA"],
      [("\(module).lora_a", [4, 2]), ("\(module).lora_b", [2, 3])]),
    Refusal(
      "MLX factor of no module", "AD-TENSOR", 69, "lora_a", mlx,
      [("\(module).lora_a", [4, 2]), ("\(module).lora_b", [2, 3]), ("lora_a", [1])]),
    Refusal(
      "kohya of two ranks", "AD-SHAPE", 65, "layers_0_q_proj", nil,
      network([("lora_down.weight", [2, 4]), ("lora_up.weight", [3, 1])])),
    Refusal(
      "kohya kernel of no inputs", "AD-SHAPE", 65, "lycoris_layers_0_q_proj.lora_down.weight", nil,
      network([("lora_down.weight", [2, 0, 3, 3]), ("lora_up.weight", [3, 2, 1, 1])])),
    Refusal(
      "LoKr of two ranks", "AD-SHAPE", 65, "layers_0_q_proj", nil,
      network([
        ("lokr_w1_a", [2, 1]), ("lokr_w1_b", [1, 2]), ("lokr_w2_a", [4, 2]), ("lokr_w2_b", [2, 4]),
      ])),
    Refusal(
      "LoKr whose product is none", "AD-SHAPE", 65, "layers_0_q_proj", nil,
      network([("lokr_w1", [2, 2]), ("lokr_w2_a", [4, 2]), ("lokr_w2_b", [3, 4])])),
  ]

  @Test(arguments: shared + peftRefusals + others) func refuses(_ refusal: Refusal) throws {
    try withTemporaryDirectory { (folder) throws in
      try refusal.adapter.write(to: folder)
      let found = fault { () throws(Fault) in try Adapter.open(folder, format: refusal.format) }
      #expect(found?.code == refusal.code, "\(found?.line ?? "read")")
      #expect(found?.exitCode == refusal.exitCode)
      if let subject = refusal.subject {
        #expect(found?.tensor?.contains(subject) == true, "\(found?.line ?? "read")")
      }
      #expect(found?.path?.hasPrefix(folder) == true)
      #expect((found?.line.utf8.count ?? 500) <= 400)
    }
  }
}
