import Files
import Foundation
import JSON
import Tensors
import TestSupport

/// Items 116 and 120 to 138: what an adapter means, and its numbers.
extension CorpusCase {
  static let adapters: [CorpusCase] = settings + acceptedSettings + pairs + numbers + structures

  private static let configurationName = "adapter_config.json"
  private static let query = "model.layers.0.self_attn.q_proj"

  // MARK: - The configuration

  /// `xspress inspect` of the tiny adapter with one field of another value; nil for none.
  private static func field(
    _ item: Int, _ key: String, _ value: JSONValue?, _ status: Int32, _ code: String?,
    names: [String] = [], shown: String? = nil
  ) -> CorpusCase {
    let what = "\(key) \(shown ?? value?.text() ?? "missing")"
    return CorpusCase(item, what, status, code, names: names) { folder in
      ["inspect", try CorpusAdapter.copy(to: folder) { $0[key] = value }]
    }
  }

  private static let settings: [CorpusCase] = [
    field(123, "r", 3, 65, "AD-RANK", names: ["tensor \"\(query)\""]),
    field(123, "r", 0, 65, "AD-RANK", names: [configurationName]),
    field(123, "r", -1, 65, "AD-RANK", names: [configurationName]),
    field(123, "r", 1_000_000_000, 65, "AD-RANK", names: [configurationName]),
    CorpusCase(124, "lora_alpha NaN", 65, "AD-CONFIG", names: [configurationName]) { folder in
      let adapter = try CorpusAdapter.copy(to: folder)
      let url = URL(fileURLWithPath: Paths.join(adapter, configurationName))
      let text = try String(contentsOf: url, encoding: .utf8)
      try Data(text.replacing("\"lora_alpha\": 8", with: "\"lora_alpha\": NaN").utf8).write(to: url)
      return ["inspect", adapter]
    },
    field(124, "lora_alpha", "8", 65, "AD-ALPHA", names: [configurationName]),
    field(124, "lora_alpha", 1e308, 65, "AD-ALPHA", names: [configurationName], shown: "1e308"),
    field(125, "alpha_pattern", [#"(q)\1"#: 4], 69, "AD-PATTERN", names: [configurationName]),
    field(126, "target_modules", ["qproj"], 65, "AD-TARGET", names: [query]),
    field(126, "target_modules", "(a+)+$", 65, "AD-TARGET", names: [query]),
    field(127, "use_dora", true, 65, "AD-PAIR", names: ["tensor \"\(query)\"", "magnitude"]),
    field(127, "modules_to_save", ["lm_head"], 65, "AD-PAIR", names: ["lm_head"]),
    field(127, "peft_type", "LOHA", 69, "AD-TENSOR", names: ["tensor \""]),
    field(127, "peft_type", "VBLORA", 69, "AD-TYPE", names: ["VBLORA"]),
    field(127, "alora_invocation_tokens", [1], 69, "AD-FIELD", names: ["alora_invocation_tokens"]),
    field(
      127, "layer_replication", [[0, 4], [2, 6]], 69, "AD-FIELD", names: ["layer_replication"]),
    field(127, "some_new_thing", 1, 69, "AD-FIELD", names: ["some_new_thing"]),
  ]

  private static let acceptedSettings: [CorpusCase] = [
    field(
      116, "base_model_name_or_path", "../../../etc/passwd", 0, nil,
      names: ["../../../etc/passwd"]),
    field(
      116, "base_model_name_or_path", "https://example.com/model", 0, nil,
      names: ["https://example.com/model"]),
    field(124, "lora_alpha", 0, 0, nil, names: ["lora_alpha is 0"]),
    field(124, "lora_alpha", nil, 0, nil, names: ["PEFT takes 8"]),
    field(125, "rank_pattern", ["(a+)+$": 4], 0, nil),
    field(125, "alpha_pattern", ["(.*)*x(.*)*y(.*)*z$": 4], 0, nil),
    field(126, "target_modules", "all-linear", 0, nil),
    field(127, "use_rslora", true, 0, nil, names: ["scaling: 4.0"]),
    field(127, "fan_in_fan_out", true, 0, nil, names: ["fan_in_fan_out"]),
    field(127, "bias", "all", 0, nil),
  ]

  // MARK: - Tensors

  /// `xspress convert` of the tiny adapter with other tensors.
  private static func tensors(
    _ item: Int, _ what: String, _ status: Int32, _ code: String?, names: [String] = [],
    options: [String] = [],
    _ change: @escaping @Sendable (inout CorpusAdapter.Tensor) -> Bool
  ) -> CorpusCase {
    CorpusCase(item, what, status, code, names: names) { folder in
      convert(adapter: try CorpusAdapter.rewritten(in: folder, change), in: folder, options)
    }
  }

  private static let pairs: [CorpusCase] = [
    tensors(120, "A without B", 65, "AD-PAIR", names: [CorpusAdapter.weights, query, "lora_B"]) {
      !$0.name.contains("layers.0.self_attn.q_proj.lora_B")
    },
    tensors(120, "B without A", 65, "AD-PAIR", names: [CorpusAdapter.weights, query, "lora_A"]) {
      !$0.name.contains("layers.0.self_attn.q_proj.lora_A")
    },
    tensors(121, "B of another rank", 65, "AD-SHAPE", names: [query, "[4, 32]", "[64, 2]"]) {
      if $0.name.contains("layers.0.self_attn.q_proj.lora_B") { $0.shape = [64, 2] }
      return true
    },
    tensors(122, "an input too many", 65, "AD-BASE", names: [query, "[32, 16]", "[32, 32]"]) {
      if $0.name.contains("layers.0.self_attn.q_proj.lora_A") {
        $0.shape = [4, 16]
        $0.values = Array($0.values.prefix(64))
      }
      return true
    },
    tensors(122, "a module that the base lacks", 65, "AD-TARGET", names: ["layers.7"]) {
      $0.name = $0.name.replacing("layers.0.", with: "layers.7.")
      return true
    },
  ]

  private static let numbers: [CorpusCase] =
    [
      (129, "NaN as the last value", Float.nan, true, "is nan"),
      (129, "infinity as the first value", .infinity, false, "element 0 is inf"),
      (129, "-infinity as the last value", -.infinity, true, "is -inf"),
    ].map { (item: Int, what: String, value: Float, atEnd: Bool, words: String) in
      CorpusCase(
        item, what, 65, "VAL-NAN", names: [CorpusAdapter.weights, "tensor \"", words]
      ) { folder in
        convert(
          adapter: try CorpusAdapter.patched(in: folder, value, atEnd: atEnd), in: folder)
      }
    } + [
      tensors(
        128, "F16, BF16 and F32, other types in one pair", 0, nil
      ) {
        $0.dtype =
          $0.name.contains("lora_A") ? .f16 : $0.name.contains("layers.0") ? .bf16 : .f32
        return true
      },
      tensors(
        130, "values whose product is infinite", 65, "VAL-RANGE", names: [query, "overflow in B*A"]
      ) {
        $0.values = $0.values.map { _ in 1e38 }
        return true
      },
      tensors(131, "B all zero", 0, nil, names: ["AD-ZERO"]) {
        if $0.name.contains("lora_B") { $0.values = $0.values.map { _ in 0 } }
        return true
      },
      tensors(132, "subnormal values", 0, nil) {
        $0.values = $0.values.map { _ in Float(bitPattern: 714) }
        return true
      },
      tensors(132, "negative zeros", 0, nil, names: ["AD-ZERO"]) {
        $0.values = $0.values.map { _ in -0.0 }
        return true
      },
      tensors(
        132, "values of 65504, stored as codes", 65, "VAL-RANGE",
        names: ["/adapter: tensor \""]
      ) {
        $0.values = $0.values.map { _ in 65504 }
        return true
      },
      tensors(132, "values of 65504, stored as they are", 0, nil, options: ["--store", "f32"]) {
        $0.values = $0.values.map { _ in 65504 }
        return true
      },
      tensors(133, "values from 1e-18 to 1e18", 0, nil, options: ["--store", "f32"]) {
        $0.values = $0.values.indices.map { Float(pow(10, Double($0 * 7 % 37 - 18))) }
        return true
      },
      tensors(133, "rank 1 in every module", 0, nil) {
        $0.values = $0.values.map { _ in 1 }
        return true
      },
    ]

  private static let structures: [CorpusCase] = [
    CorpusCase(138, "factors of one row and one column", 0, nil, names: ["rank: 1"]) { folder in
      let module = "base_model.model.\(query)"
      try LooseAdapter(
        tensors: [("\(module).lora_A.weight", [1, 1]), ("\(module).lora_B.weight", [1, 1])],
        configuration: ["peft_type": "LORA", "r": 1, "lora_alpha": 1],
        fileName: CorpusAdapter.weights
      ).write(to: folder)
      return ["inspect", folder]
    },
    CorpusCase(137, "a mixture of experts", 69, "CFG-UNSUPPORTED", names: ["num_local_experts"]) {
      folder in
      let model = Paths.join(folder, "model")
      try FileManager.default.copyItem(atPath: TinyLlama.folder, toPath: model)
      let url = URL(fileURLWithPath: Paths.join(model, "config.json"))
      let text = try String(contentsOf: url, encoding: .utf8)
      try Data(text.replacing("\"head_dim\"", with: "\"num_local_experts\": 8, \"head_dim\"").utf8)
        .write(to: url)
      return convert(base: model, in: folder)
    },
    CorpusCase(137, "factors of experts", 69, "AD-TENSOR", names: ["experts"]) { folder in
      try LooseAdapter(
        tensors: [("\(query).lora_a", [2, 2, 4]), ("\(query).lora_b", [2, 3, 2])],
        configuration: ["fine_tune_type": "lora", "lora_parameters": ["scale": 1.0]]
      ).write(to: folder)
      return ["inspect", folder]
    },
  ]

  // MARK: - Data

  /// Item 136: rows that `xspress evaluate` is given.
  static let data: [CorpusCase] =
    [
      ("no rows", "", "DATA-EMPTY"), ("a row that is no JSON", "{", "DATA-JSON"),
      ("a row without a completion", "{\"prompt\":\"A\"}\n", "DATA-FIELD"),
      ("an empty completion", "{\"prompt\":\"A\",\"completion\":\"\"}\n", "DATA-FIELD"),
      (
        "129 tokens for a context of 128",
        "{\"prompt\":\"\(String(repeating: "C", count: 128))\",\"completion\":\"D\"}\n",
        "DATA-LENGTH"
      ),
      (
        "a text of 10 MB",
        "{\"prompt\":\"\(String(repeating: "C", count: 10_000_000))\",\"completion\":\"D\"}\n",
        "DATA-LENGTH"
      ),
    ].map { (what: String, rows: String, code: String) in
      CorpusCase(136, what, 65, code, names: ["rows.jsonl"]) { folder in
        try evaluation(in: folder, rows: rows)
      }
    }
}
