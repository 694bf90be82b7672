import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// What published files hold beside a plain LoRA (`formats/peft.md` §2, §8; `formats/adapters.md` §4, §5.4).
@Suite struct AdapterKindsTests {
  private func open(_ tiny: TinyAdapter, memory: Int? = nil) throws -> Adapter {
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      return try Adapter.open(folder, memory: memory)
    }
  }

  private func refusal(_ tiny: TinyAdapter, memory: Int? = nil) throws -> Fault? {
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      return fault { () throws(Fault) in try Adapter.open(folder, memory: memory) }
    }
  }

  // MARK: - Configuration

  @Test func missingNumbersArePEFTs() throws {
    var tiny = TinyAdapter()
    tiny.set("lora_alpha", nil)
    let adapter = try open(tiny)
    #expect(adapter.updates.map(\.scaling) == [4, 4])
    #expect(adapter.warnings.lines == ["lora_alpha: missing: PEFT takes 8: AD-CONFIG"])
    tiny.set("r", nil)
    #expect(try refusal(tiny)?.code == "AD-RANK")
  }

  @Test(arguments: ["_commit_hash", "lora_dtype", "_name_or_path", "unsloth_version"])
  func bookkeepingIsMentioned(key: String) throws {
    var tiny = TinyAdapter()
    tiny.set(key, "x")
    let adapter = try open(tiny)
    #expect(adapter.warnings.map(\.kind) == ["AD-CONFIG"])
    #expect(adapter.warnings.first?.subject == key)
    tiny.set(key, .null)
    #expect(try open(tiny).warnings.isEmpty)
  }

  /// A pattern that cannot be evaluated is no reason to refuse: then the tensors decide.
  @Test(arguments: [
    ("target_modules", #"(q)(?(1)_proj|x)"#), ("target_modules", #".*(\w)_proj\1?"#),
    ("target_modules", "("), ("exclude_modules", #"(?P=x)"#),
  ])
  func patternsThatCannotBeEvaluated(member: String, pattern: String) throws {
    var tiny = TinyAdapter()
    tiny.set(member, .string(pattern))
    let adapter = try open(tiny)
    #expect(adapter.updates.count == 2)
    #expect(adapter.warnings.map(\.kind) == ["AD-PATTERN"])
    #expect(adapter.warnings.first?.subject == pattern)
  }

  /// Where a scale hangs on it, it is.
  @Test func patternsOfScalesMustBeEvaluated() throws {
    for key in ["rank_pattern", "alpha_pattern"] {
      var tiny = TinyAdapter()
      tiny.set(key, [#"(q_proj)\1"#: 3])
      #expect(try refusal(tiny)?.code == "AD-PATTERN")
      tiny.set(key, [#"(q_proj)\1"#: key == "rank_pattern" ? 2 : 4])
      #expect(try open(tiny).updates.count == 2)
    }
    var tiny = TinyAdapter()
    tiny.set("alpha_pattern", [#"(?=.*q_)(?!x)\w{1,3}?_proj"#: 6, #"\bup_proj"#: 2])
    #expect(try open(tiny).updates.map(\.scaling) == [3, 1])
  }

  @Test func onlyTargetsAreApplied() throws {
    for (key, value) in [
      ("target_modules", ["q_proj"]), ("exclude_modules", ["up_proj"]),
      ("exclude_modules", ".*mlp.*"), ("modules_to_save", ["up_proj"]),
    ] as [(String, JSONValue)] {
      var tiny = TinyAdapter()
      tiny.set(key, value)
      if key == "modules_to_save" { tiny.add("base_model.model.\(TinyAdapter.up).weight", [5, 4]) }
      let adapter = try open(tiny)
      #expect(adapter.updates.map(\.moduleName) == [TinyAdapter.query], "\(key)")
      #expect(adapter.parameterCount == 2 * (3 + 4) + (key == "modules_to_save" ? 20 : 0))
      #expect(adapter.warnings.contains { $0.kind == "AD-TARGET" && $0.subject == TinyAdapter.up })
    }
    for (layers, count) in [([0], 2), ([1], 0), (0, 2), ([], 2)] as [(JSONValue, Int)] {
      var tiny = TinyAdapter()
      tiny.set("layers_to_transform", layers)
      if count == 0 {
        #expect(try refusal(tiny)?.code == "AD-TARGET")
      } else {
        #expect(try open(tiny).updates.count == count)
      }
    }
    var whole = TinyAdapter()
    whole.set("target_modules", "all-linear")
    whole.addPair("lm_head", outFeatures: 9, inFeatures: 4, rank: 2)
    let adapter = try open(whole)
    #expect(adapter.updates.count == 2 && adapter.warnings.first?.subject == "lm_head")
  }

  // MARK: - AdaLoRA

  /// PEFT cannot apply a mask of another length than init_r, whatever scale it would mean.
  @Test func masksMustBeAsLongAsTheFirstRank() throws {
    var tiny = TinyAdapter()
    for (key, value) in [
      ("peft_type", "ADALORA"), ("init_r", 12),
      ("rank_pattern", ["\(TinyAdapter.query).lora_E": [true, true]]),
    ] as [(String, JSONValue)] { tiny.set(key, value) }
    let found = try refusal(tiny)
    #expect(found?.code == "AD-RANK" && found?.reason.contains("mask of 2") == true)
  }

  // MARK: - Saved modules

  private static let head = "base_model.model.lm_head"

  @Test func oneOfSeveralSavedModulesIsEnough() throws {
    var tiny = TinyAdapter()
    tiny.set("modules_to_save", ["classifier", "score"])
    #expect(try refusal(tiny)?.code == "AD-PAIR")
    tiny.add("base_model.model.score.weight", [3, 4])
    let adapter = try open(tiny)
    #expect(adapter.parts.map(\.parameter) == ["score.weight"])
    // PEFT names both of every classifier; another name is an oversight.
    #expect(adapter.warnings.isEmpty)
    tiny.set("modules_to_save", ["pooler", "score"])
    #expect(try open(tiny).warnings.map(\.subject) == ["pooler"])
    let modules: [Adapter.Module] = [(TinyAdapter.query, 3, 4), (TinyAdapter.up, 5, 4)]
    let own: [Adapter.Parameter] = [("score.weight", [3, 4])]
    #expect(try adapter.matched(to: modules, parameters: own).parts.count == 1)
    // A base that has the other one too shows that it was not saved.
    let found = fault { () throws(Fault) in
      try adapter.matched(to: modules, parameters: own + [("classifier.weight", [3, 4])])
    }
    #expect(found?.code == "AD-PAIR")
  }

  @Test func copiesOfSavedModules() throws {
    var tiny = TinyAdapter()
    tiny.set("modules_to_save", ["lm_head"])
    tiny.add("\(Self.head).weight", [9, 4])
    let values = tiny.tensors[tiny.tensors.count - 1].values
    tiny.tensors.append(("\(Self.head).modules_to_save.weight", [9, 4], values))
    tiny.add("\(Self.head).original_module.weight", [9, 4])
    let adapter = try open(tiny)
    #expect(adapter.parts.map(\.parameter) == ["lm_head.weight"])
    #expect(adapter.parts.first?.change == .replaced(values))
    #expect(adapter.warnings.map(\.kind) == ["AD-EXTRA"])
    tiny.tensors[tiny.tensors.count - 2].values[7] += 1
    #expect(try refusal(tiny)?.code == "AD-DUP")
    tiny.remove("lm_head.weight")
    tiny.remove("modules_to_save")
    #expect(try refusal(tiny)?.code == "AD-PAIR")
  }

  @Test func buffersOfOldStateDictionariesAreNamed() throws {
    var tiny = TinyAdapter()
    tiny.add("base_model.model.model.layers.0.self_attn.rotary_emb.inv_freq", [2])
    #expect(try open(tiny).warnings.map(\.kind) == ["AD-TENSOR"])
  }

  // MARK: - Dead adapters

  @Test func aDeadAdapterIsSaidOnce() throws {
    var tiny = TinyAdapter()
    for index in tiny.tensors.indices where tiny.tensors[index].name.contains("lora_B") {
      tiny.tensors[index].values = tiny.tensors[index].values.map { _ in 0 }
    }
    #expect(
      try open(tiny).warnings.lines
        == ["the adapter changes nothing: the updates of all its 2 modules are zero: AD-ZERO"])
    tiny.tensors[1].values[0] = 1
    #expect(try open(tiny).warnings.map(\.subject) == [TinyAdapter.up])
  }

  // MARK: - MLX

  @Test(arguments: ["num_layers", "grad_accumulation_steps", "fine_tune_type"])
  func alphaOfLaterMLX(member: String) throws {
    let module = "model.layers.0.self_attn.q_proj"
    var adapter = LooseAdapter(tensors: [
      ("\(module).lora_a", [4, 2]), ("\(module).lora_b", [2, 3]),
    ])
    adapter.configuration = .object(
      JSONObject([
        (member, member == "fine_tune_type" ? JSONValue.string("lora") : .integer(2)),
        ("lora_parameters", ["rank": 2, "alpha": 16, "scale": 5.0, "keys": ["self_attn.q_proj"]]),
      ]))
    try withTemporaryDirectory { folder in
      try adapter.write(to: folder)
      #expect(try Adapter.open(folder).updates.map(\.scaling) == [5])
    }
    adapter.tensors += [("\(module)x.lora_a", [4, 2]), ("\(module)x.lora_b", [2, 3])]
    try withTemporaryDirectory { folder in
      try adapter.write(to: folder)
      let read = try Adapter.open(folder)
      #expect(read.updates.map(\.moduleName) == [module])
      #expect(read.warnings.map(\.subject) == [module + "x"])
    }
  }

  // MARK: - Memory

  /// Modules that would fit one by one are refused together, before any is made.
  @Test func expandedProductsAreCountedTogether() throws {
    func network(_ type: String, _ parts: [(String, [Int])]) -> TinyAdapter {
      var tiny = TinyAdapter()
      tiny.tensors = []
      tiny.set("peft_type", .string(type))
      tiny.set("r", 1)
      tiny.set("alpha", 1)
      for layer in 0..<4 {
        for (part, shape) in parts {
          tiny.add("base_model.model.model.layers.\(layer).self_attn.q_proj.\(part)", shape)
        }
      }
      return tiny
    }
    // [1024, 1024] of rank 32 · 32 each: 8 MiB.
    let lokr = network("LOKR", [("lokr_w1", [32, 32]), ("lokr_w2", [32, 32])])
    #expect(try open(lokr, memory: 128 << 20).updates.count == 4)
    #expect(try refusal(lokr, memory: 40 << 20)?.code == "MEM-BUDGET")
    #expect(try refusal(lokr, memory: 40 << 20)?.exitCode == 71)
    let loha = network(
      "LOHA",
      [
        ("hada_w1_a", [512, 1]), ("hada_w1_b", [1, 512]), ("hada_w2_a", [512, 1]),
        ("hada_w2_b", [1, 512]),
      ])
    #expect(try open(loha, memory: 1 << 20).updates.count == 4)
    #expect(try refusal(loha, memory: 24 << 10)?.code == "MEM-BUDGET")
  }
}
