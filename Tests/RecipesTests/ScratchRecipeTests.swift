import Bases
import Faults
import Files
import Projection
import Recipes
import TestSupport
import Testing
import Training

/// Jobs without an adapter: what they default to, and what they have no use for.
@Suite struct ScratchRecipeTests {
  private func recipe(_ given: [String: [String]]) throws -> Recipe {
    let least = ["rank": ["4"], "tune.data": ["t.jsonl"]]
    return try Recipe(
      GivenOptions(
        commandLine: least.merging(given) { $1 }, command: .tune, isFromScratch: true))
  }

  private func jobs(_ entries: String) throws -> [JobPlan] {
    try withTemporaryDirectory { folder in
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: "schema: xspress.manifest/1\nbases: {b: {path: b.gguf}}\n" + entries)
      return try Manifest.read("\(folder)/m.yaml").jobs
    }
  }

  @Test func theBaseStartsAndTheCompletionsTeach() throws {
    let plain = try recipe([:])
    #expect(plain.scratch?.modules == ["all-linear"])
    #expect(plain.method == .zero && plain.tuning?.options.objective == .ce)
    #expect(plain.directions == .top && plain.calibration == nil)
    #expect(plain.canonicalText().contains("scratch.modules all-linear\n"))
    let paper = try recipe(["tune.init": ["normal"]])
    #expect(paper.method == .normal && paper.calibration == nil)
    // Directions that are chosen are chosen by the base's own moments, on the first training examples.
    let chosen = try recipe(["directions": ["selected"]])
    #expect(chosen.calibrationModel == .base && chosen.calibration?.path == "t.jsonl")
  }

  /// Whatever is about a LoRA is refused in its own name.
  @Test(arguments: [
    ("tune.objective", "kd"), ("tune.objective", "mix"), ("residual", "2"), ("tune.init", "kfac"),
    ("tune.init", "projected"), ("min_retained", "0.9"), ("artifact", "a.loraxs"),
    ("controls", "truncated"), ("controls", "ternary"), ("controls", "forms"),
    ("calibrate.model", "adapter"), ("calibrate.data", "self"), ("tune.data", "self"),
    ("format", "peft"), ("dora", "keep"), ("carry_store", "int8"),
  ])
  func whatIsAboutAnAdapterIsRefused(key: String, word: String) throws {
    let flag = try #require(Field.byKey[key]).flag
    let sizes: [String: [String]] = key == "artifact" ? ["rank": []] : [:]
    let fault = try #require(throws: Fault.self) {
      try recipe(sizes.merging([key: [word]]) { $1 })
    }
    #expect(fault.code == "USAGE" && fault.reason.hasPrefix("--\(flag) "), "\(fault.reason)")
    #expect(fault.reason.hasSuffix(" needs an adapter"), "\(fault.reason)")
  }

  @Test func ownDirectionsAndPairsAreAnAdapters() throws {
    let own = try #require(throws: Fault.self) {
      try recipe(["rank": [], "directions": ["own"]])
    }
    #expect(own.reason == "--directions own needs an adapter")
    for form in ["pairs", "both"] {
      let fault = try #require(throws: Fault.self) {
        try recipe(["rank": [], "budget": ["9KB"], "form": [form]])
      }
      #expect(fault.reason == "--form \(form) needs an adapter")
    }
    #expect(try recipe(["rank": [], "budget": ["9KB"], "form": ["directions"]]).scratch != nil)
  }

  /// The other way round, and recipes that are made in code.
  @Test func rulesHoldForRecipesMadeInCode() throws {
    var recipe = try recipe(["directions": ["selected"]])
    recipe.calibration = nil
    #expect(throws: Fault.self) { try recipe.check() }
    recipe.directions = .top
    try recipe.check()
    recipe.tuning = nil
    #expect(throws: Fault.self) { try recipe.check() }
    var other = Recipe(target: .rank(4), method: .normal)
    let fault = try #require(throws: Fault.self) { try other.check() }
    #expect(fault.code == "JOB-OPTIONS" && fault.exitCode == 64)
    other.method = .zero
    try other.check()
  }

  // MARK: - Manifests

  @Test func anEntryStartsFromNothing() throws {
    let jobs = try jobs(
      """
      defaults: {rank: 4, tune: {data: t.jsonl, steps: 5}, scratch: {modules: [v_proj]}}
      adapters:
        - {scratch: {modules: [q_proj, ".*mlp.*"]}, name: some}
        - {scratch: {}, name: default}
        - {path: a}
      """)
    #expect(jobs.map(\.adapterPath?.isEmpty) == [nil, nil, false])
    #expect(
      jobs.map(\.recipe.scratch?.modules) == [["q_proj", ".*mlp.*"], ["v_proj"], nil])
    #expect(jobs[0].recipe.tuning?.options.objective == .ce)
    #expect(jobs[2].recipe.tuning?.options.objective == .kd)
    #expect(jobs.allSatisfy { $0.recipe.tuning?.options.steps == 5 })
    #expect(Set(jobs.map { $0.digest(inputs: []) }).count == 3)
    #expect(jobs[0].inputPaths.count == 2 && jobs[2].inputPaths.count == 4)
  }
}
