import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@Suite struct AdapterTests {
  private func open(_ tiny: TinyAdapter) throws -> Adapter {
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      return try Adapter.open(folder)
    }
  }

  // MARK: - The demo adapters

  /// Counts, digests and norms computed by torch in Float64 (B·A formed, squared, summed).
  @Test(arguments: [
    (
      "banking77-r16", 16, 4_884_480, 9_823_640, 1011.9413646827667, 0.554306390744108,
      "2e6d9f0b6d0e3baa28e964de8f4910d86f8b827cff2d136023e2e8938f4e7b1b"
    ),
    (
      "clinc-domains-r8", 8, 2_442_240, 4_938_648, 106.99114254844515, 0.11235713829309883,
      "aaf6fbfa9df3337beb74c714551bed11e2b4d0a98a7c33537fe81ebdca89b977"
    ),
  ])
  func demoAdapters(
    name: String, rank: Int, parameters: Int, bytes: Int, total: Double, first: Double,
    digest: String
  ) throws {
    let adapter = try Adapter.open(Checkout.path("golden/adapters/\(name)"))
    #expect(adapter.name == name)
    #expect(adapter.format == "peft")
    #expect(adapter.updates.count == 210)
    #expect(adapter.updates.allSatisfy { $0.rank == rank && $0.scaling == 2 })
    #expect(adapter.parameterCount == parameters)
    #expect(adapter.byteCount == bytes)
    #expect(adapter.digest.hex == digest)
    #expect(adapter.baseModelName == "HuggingFaceTB/SmolLM2-135M-Instruct")
    #expect(adapter.warnings.isEmpty)
    #expect(
      adapter.updates.prefix(8).map(\.moduleName).map {
        Paths.name(of: $0.replacing(".", with: "/"))
      }
        == ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "q_proj"])
    #expect(adapter.updates[14].moduleName == "model.layers.2.self_attn.q_proj")
    let sum = adapter.updates.reduce(0) { $0 + $1.squaredNorm }
    #expect(abs(sum / total - 1) < 1e-9)
    #expect(abs(adapter.updates[0].squaredNorm / first - 1) < 1e-9)
  }

  // MARK: - Scaling

  @Test func plainAndRankStabilisedScaling() throws {
    var tiny = TinyAdapter()
    #expect(try open(tiny).updates.map(\.scaling) == [2, 2])
    tiny.set("use_rslora", true)
    #expect(try open(tiny).updates.map(\.scaling) == [4 / 2.0.squareRoot(), 4 / 2.0.squareRoot()])
    tiny.set("lora_alpha", 0.5)
    tiny.set("use_rslora", false)
    #expect(try open(tiny).updates.map(\.scaling) == [0.25, 0.25])
  }

  @Test func patternsSetRankAndAlphaAndTheFirstMatchWins() throws {
    var tiny = TinyAdapter()
    tiny.remove("q_proj")
    tiny.addPair(TinyAdapter.query, outFeatures: 3, inFeatures: 4, rank: 3)
    tiny.set("rank_pattern", ["self_attn.q_proj": 3, "q_proj": 1])
    tiny.set("alpha_pattern", [".*_proj": 12, "up_proj": 1])
    let updates = try open(tiny).updates
    #expect(updates.map(\.rank) == [3, 2])
    #expect(updates.map(\.scaling) == [4, 6])
  }

  @Test func normMatchesTheProduct() throws {
    for update in try open(TinyAdapter()).updates {
      var sum = 0.0
      for row in 0..<update.outFeatures {
        for column in 0..<update.inFeatures {
          var entry = 0.0
          for k in 0..<update.rank {
            entry += Double(update.loraB[row, k]) * Double(update.loraA[k, column])
          }
          sum += (update.scaling * entry) * (update.scaling * entry)
        }
      }
      #expect(abs(update.squaredNorm - sum) < 1e-9 * sum)
    }
  }

  // MARK: - Spellings that are accepted

  @Test(arguments: [
    ("base_model.model.model", "model"),
    ("base_model.model.", "base_model.model.base_model.model."),
    (".lora_A.weight", ".lora_A.default.weight"), ("base_model.model.", "module.base_model.model."),
    ("self_attn", "_orig_mod.self_attn"), ("self_attn", "_fsdp_wrapped_module.self_attn"),
  ])
  func namesInTheWild(part: String, other: String) throws {
    var tiny = TinyAdapter()
    tiny.rename(part, other)
    #expect(try open(tiny).updates.map(\.moduleName) == [TinyAdapter.query, TinyAdapter.up])
  }

  @Test(arguments: [DType.f16, .bf16, .f32]) func storageTypes(dtype: DType) throws {
    var tiny = TinyAdapter()
    tiny.dtype = dtype
    let adapter = try open(tiny)
    #expect(adapter.updates[0].loraA.elements == tiny.tensors[0].values)
  }

  @Test func fieldsWithoutEffectAreAccepted() throws {
    var tiny = TinyAdapter()
    let inert: [(String, JSONValue)] = [
      ("task_type", "CAUSAL_LM"), ("lora_dropout", 0.1), ("inference_mode", true),
      ("layers_to_transform", [0, 1]), ("loftq_config", [:]), ("megatron_core", "megatron.core"),
      ("modules_to_save", nil), ("use_dora", false), ("target_parameters", []),
      ("init_lora_weights", "gaussian"), ("some_future_field", nil), ("another", false),
      ("revision", "main"), ("eva_config", ["rho": 2.0]),
    ]
    for (key, value) in inert { tiny.set(key, value) }
    #expect(try open(tiny).updates.count == 2)
    // The base is named, never opened.
    tiny.set("base_model_name_or_path", "../../../etc/passwd")
    #expect(try open(tiny).baseModelName == "../../../etc/passwd")
  }

  /// `rank_pattern` and `alpha_pattern` are compared with a parameter's whole name, and an entry of `target_parameters` with its
  /// end (`tuners_utils.py`, `_inject_parameters`).
  @Test func patternsMeetParameters() throws {
    let experts = "model.layers.0.mlp.experts"
    var tiny = TinyAdapter()
    tiny.add("base_model.model.\(experts).base_layer.lora_A.weight", [4, 4])
    tiny.add("base_model.model.\(experts).base_layer.lora_B.weight", [6, 4])
    tiny.add("base_model.model.\(experts).lora_A.weight", [2, 3])
    tiny.add("base_model.model.\(experts).lora_B.weight", [4, 2])
    for targets in [
      ["mlp.experts.gate_up_proj", "experts.down_proj"], ["down_proj", "gate_up_proj"],
    ] {
      tiny.set("target_parameters", .array(targets.map { .string($0) }))
      tiny.set("rank_pattern", ["experts.down_proj": 1])
      tiny.set("alpha_pattern", ["experts.down_proj": 5, "experts": 100])
      let parts = try open(tiny).parts
      let scales = parts.map { part -> Double in
        guard case .product(let update) = part.change else { return .nan }
        return update.scaling
      }
      #expect(parts.map(\.leaf) == ["gate_up_proj", "gate_up_proj", "down_proj", "down_proj"])
      // The module itself is no parameter: "experts" matches none. alpha ⁄ r of 4 ⁄ 2 and 5 ⁄ 1.
      #expect(scales == [2, 2, 5, 5])
    }
  }

  /// The weight of a linear module may be named as a parameter: its factors are those of a LoRA.
  @Test func aLinearWeightMayBeATargetParameter() throws {
    var tiny = TinyAdapter()
    tiny.set("target_modules", ["q_proj"])
    tiny.set("target_parameters", ["mlp.up_proj.weight"])
    tiny.set("alpha_pattern", ["up_proj": 100, "up_proj.weight": 6])
    let adapter = try open(tiny)
    #expect(adapter.updates.map(\.moduleName) == [TinyAdapter.query, TinyAdapter.up])
    #expect(adapter.updates.map(\.scaling) == [2, 3])
    #expect(!adapter.warnings.lines.contains { $0.contains("AD-TARGET") })
    tiny.set("target_modules", [])
    #expect(try open(tiny).updates.map(\.moduleName) == [TinyAdapter.up])
  }

  /// PEFT saves rows of tied modules once, whichever of them the configuration lists.
  @Test func trainedRowsOfATiedHead() throws {
    var tiny = TinyAdapter()
    tiny.add(
      "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", [2, 4])
    tiny.set("trainable_token_indices", ["embed_tokens": [1, 5], "lm_head": [1, 5]])
    let modules: [Adapter.Module] = [(TinyAdapter.query, 3, 4), (TinyAdapter.up, 5, 4)]
    let parameters: [Adapter.Parameter] = [
      ("model.embed_tokens.weight", [9, 4]), ("lm_head.weight", [9, 4]),
    ]
    let adapter = try open(tiny)
    let tied = try adapter.matched(to: modules, parameters: parameters, headIsTied: true)
    #expect(tied.parts.map(\.parameter) == ["model.embed_tokens.weight", "lm_head.weight"])
    #expect(
      fault { () throws(Fault) in try adapter.matched(to: modules, parameters: parameters) }?.code
        == "AD-PAIR")
    tiny.set("trainable_token_indices", ["embed_tokens": [1, 5], "lm_head": [1, 6]])
    #expect(try #require(throws: Fault.self) { try open(tiny) }.code == "AD-PAIR")
  }

  @Test func warningsAreGivenAndTheAdapterRead() throws {
    var tiny = TinyAdapter()
    tiny.set("fan_in_fan_out", true)
    tiny.set("lora_alpha", 0)
    tiny.set("velora_config", ["rank": 1])
    tiny.add("base_model.model.\(TinyAdapter.query).lora_velora_embed", [4])
    tiny.set("target_modules", ["q_proj", "up_proj", "down_proj"])
    let index = try #require(tiny.tensors.firstIndex { $0.name.contains("up_proj.lora_B") })
    tiny.tensors[index].values = Array(repeating: 0, count: tiny.tensors[index].values.count)
    let adapter = try open(tiny)
    for part in ["fan_in_fan_out", "lora_alpha", "velora_config", "embed", "down_proj", "is zero"] {
      #expect(adapter.warnings.lines.contains { $0.contains(part) }, "\(part)")
    }
    #expect(adapter.updates[1].squaredNorm == 0)
  }

  @Test func weightsFileMayBeGivenAndPickleBesideItIsMentioned() throws {
    try withTemporaryDirectory { (folder) throws in
      let directory = Paths.join(folder, "my-adapter")
      try Paths.makeDirectory(directory)
      try TinyAdapter().write(to: directory)
      try AtomicFile.write(Paths.join(directory, "adapter_model.bin"), text: "x")
      let adapter = try Adapter.open(Paths.join(directory, "adapter_model.safetensors"))
      #expect(adapter.name == "my-adapter")
      #expect(adapter.warnings.lines.contains { $0.contains("adapter_model.bin") })
    }
  }

  @Test func matchingNamesTheNearestModuleAndBothShapes() throws {
    let adapter = try open(TinyAdapter())
    let same = try adapter.matched(to: [(TinyAdapter.query, 3, 4), (TinyAdapter.up, 5, 4)])
    #expect(same.updates == adapter.updates)
    let missing = fault { () throws(Fault) in
      try adapter.matched(to: [(TinyAdapter.query, 3, 4), ("layers.0.mlp.up_proj", 5, 4)])
    }
    #expect(missing?.code == "AD-TARGET")
    #expect(missing?.reason.contains("nearest is layers.0.mlp.up_proj") == true)
    let shape = fault { () throws(Fault) in
      try adapter.matched(to: [(TinyAdapter.query, 3, 9), (TinyAdapter.up, 5, 4)])
    }
    #expect(shape?.code == "AD-BASE")
    #expect(shape?.reason.contains("update [3, 4], weight [3, 9]") == true)
  }

  @Test func namesWithoutTheModelInFrontAreMatched() throws {
    var tiny = TinyAdapter()
    tiny.rename("base_model.model.model.", "base_model.model.")
    let adapter = try open(tiny).matched(to: [(TinyAdapter.query, 3, 4), (TinyAdapter.up, 5, 4)])
    #expect(adapter.updates.map(\.moduleName) == [TinyAdapter.query, TinyAdapter.up])
    #expect(adapter.warnings.lines.contains { $0.contains("leading model.") })
  }
}
