import Adapters
import Artifacts
import Bases
import Faults
import Files
import Recipes
import TestSupport
import Testing
import Training

/// Reads `text` as a manifest in a folder that holds two adapters under `adapters/`.
private func read(_ text: String) throws -> Manifest {
  try withTemporaryDirectory { folder in
    for name in ["first-r8", "second-r16"] {
      try Paths.makeDirectory("\(folder)/adapters/\(name)")
    }
    _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
    var manifest = try Manifest.read("\(folder)/m.yaml")
    // Tests speak of paths below the folder.
    for index in manifest.jobs.indices { manifest.jobs[index].makeRelative(to: folder) }
    return manifest
  }
}

extension JobPlan {
  fileprivate mutating func makeRelative(to folder: String) {
    func short(_ path: String) -> String {
      path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
    }
    adapterPath = adapterPath.map(short)
    basePath = short(basePath)
    let before = recipe
    if let data = before.evaluation { recipe.evaluation?.path = short(data.path) }
    recipe.calibration?.path = before.calibration?.path.map(short)
    recipe.tuning?.data.path = before.tuning?.data.path.map(short)
    recipe.ownTexts.openingsPath = before.ownTexts.openingsPath.map(short)
  }
}

private let head = """
  schema: xspress.manifest/1
  bases:
    smollm2: {path: models/base.gguf}

  """

/// The fault that reading `text` gives.
private func fault(_ text: String) throws -> Fault {
  try #require(throws: Fault.self) { _ = try read(text) }
}

@Suite struct ManifestTests {
  @Test func residualsByNumberAndBySize() throws {
    let manifest = try read(
      head + """
        defaults: {residual: 20KB, rank: 4}
        adapters:
          - {path: adapters/first-r8}
          - {path: adapters/second-r16, rank: 0, residual: 2, residual_store: int2}
          - {path: adapters/second-r16, name: third, residual: null}
        """)
    #expect(
      manifest.jobs.map(\.recipe.residual) == [
        Recipe.Residual(size: .bytes(20_000)),
        Recipe.Residual(size: .pairs(2), bits: .int2),
        nil,
      ])
    #expect(manifest.jobs[1].recipe.canonicalText().contains("residual 2\nresidual_store int2\n"))
  }

  /// `self` is the model's own text, whose openings are an input; a file of that name needs its folder.
  @Test func textsByTheModelItself() throws {
    let text =
      head + """
        defaults:
          rank: 16
          self: {openings: openings.jsonl, texts: 300, temperature: 0.8}
        adapters:
          - {path: adapters/first-r8, tune: {data: self}, calibrate: {data: self, limit: 9}}
          - {path: adapters/second-r16, tune: {data: ./self}, self: {top_p: 0.9, texts: 200}}
        """
    let jobs = try read(text).jobs
    #expect(jobs[0].recipe.tuning?.data == Recipe.Examples.own(limit: nil))
    #expect(jobs[0].recipe.calibration == Recipe.Examples.own(limit: 9))
    #expect(jobs[0].recipe.ownTexts.openingsPath == "openings.jsonl")
    #expect(jobs[0].inputPaths.contains { $0.hasSuffix("openings.jsonl") })
    #expect(jobs[0].recipe.canonicalText().contains("tune.data self\n"))
    #expect(jobs[0].recipe.canonicalText().contains("self.texts 300\n"))
    #expect(jobs[1].recipe.tuning?.data.path == "self")
    #expect(jobs[1].recipe.ownTexts.options.count == 200)
    #expect(jobs[1].recipe.ownTexts.options.topP == 0.9)
    #expect(!jobs[1].inputPaths.contains { $0.hasSuffix("openings.jsonl") })
    #expect(!jobs[1].recipe.canonicalText().contains("self."))
    for wrong in ["texts: 0", "top_p: 1.5", "temperature: 0", "count: 3"] {
      let refused = text.replacing("texts: 300", with: wrong)
      #expect(try fault(refused).code.hasPrefix("MF-"))
    }
  }

  @Test func theContractsExample() throws {
    let manifest = try read(
      """
      schema: xspress.manifest/1
      bases:
        smollm2: {path: models/SmolLM2-135M-Instruct.Q4_1.gguf}
      defaults:
        base: smollm2
        rank: 16                      # or budget: 64KB, or min_retained: 0.95
        store: int8
        calibrate: {data: data/train.jsonl, limit: 256}
        tune: {data: data/train.jsonl, objective: kd, steps: 150, batch_size: 16, seed: 0}
        evaluate: {data: data/test.jsonl, limit: 500}
      adapters:
        - {path: adapters/first-r8}
        - {glob: adapters/sec*, rank: 32x8, evaluate: {data: "{adapter}/test.jsonl"}}
      """)
    #expect(manifest.jobs.map(\.name) == ["first-r8", "second-r16"])
    let first = manifest.jobs[0]
    #expect(first.adapterPath == "adapters/first-r8")
    #expect(first.basePath == "models/SmolLM2-135M-Instruct.Q4_1.gguf")
    #expect(first.recipe.target == .rank(16))
    #expect(first.recipe.storage == .int8)
    #expect(first.recipe.calibration?.limit == 256)
    #expect(first.recipe.tuning?.options.steps == 150)
    #expect(first.recipe.tuning?.data.path == "data/train.jsonl")
    #expect(first.recipe.evaluation?.path == "data/test.jsonl")
    let second = manifest.jobs[1]
    #expect(second.recipe.target == .rank(LatentRank(output: 32, input: 8)))
    // The path is the adapter's own, the limit still the default.
    #expect(second.recipe.evaluation?.path == "adapters/second-r16/test.jsonl")
    #expect(second.recipe.evaluation?.limit == 500)
  }

  @Test func anAdapterTakesADefaultAway() throws {
    let manifest = try read(
      head + """
        defaults: {rank: 8, tune: {data: t.jsonl, steps: 5}, controls: [truncated, top]}
        adapters:
          - {path: adapters/first-r8, tune: null, budget: 64KB, controls: []}
          - {path: adapters/second-r16, format: gguf-lora, tune: {steps: 9, validation: 0.1, lr: 3e-2}}
          - {path: adapters/first-r8, name: both, budget: 9KB, min_retained: 0.9}
        """)
    #expect(manifest.jobs[0].recipe.tuning == nil)
    #expect(manifest.jobs[0].recipe.target == .budget(bytes: 64_000))
    #expect(manifest.jobs[0].recipe.controls.isEmpty)
    let tuning = try #require(manifest.jobs[1].recipe.tuning)
    #expect(tuning.options.steps == 9 && tuning.data.path == "t.jsonl")
    #expect(tuning.validation == .fraction(0.1) && tuning.learningRate == 0.03)
    #expect(manifest.jobs[1].recipe.controls == [.truncated, .top])
    #expect(manifest.jobs.map(\.recipe.adapterFormat) == [nil, .ggufLoRA, nil])
    #expect(manifest.jobs[2].recipe.target == .budget(bytes: 9_000, minRetained: 0.9))
  }

  /// A default for those below their minimum is none for those that have no minimum.
  @Test func belowMinimumIsForThoseWithAMinimum() throws {
    let jobs = try read(
      head + """
        defaults: {min_retained: 0.9, below_minimum: keep, tune: {data: t.jsonl}}
        adapters:
          - {path: adapters/first-r8}
          - {path: adapters/first-r8, name: free, rank: 8}
          - {path: adapters/first-r8, name: strict, below_minimum: reject}
        """
    ).jobs
    #expect(jobs.map(\.recipe.belowMinimum) == [.keep, .reject, .reject])
  }

  @Test(arguments: ["[", "- ", "? ", "{a: "])
  func deepNestingNeverReachesTheParser(opening: String) throws {
    let text = String(repeating: opening, count: 50_000 / opening.count)
    #expect(try fault(head + "x:\n" + text).code == "MF-YAML")
  }

  @Test func pathsStartFromTheManifestsFolder() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/a/b")
      let text =
        head + "adapters: [{path: ../../x, rank: 1, evaluate: {data: ../t}}, {path: /y, rank: 1}]"
      _ = try AtomicFile.write("\(folder)/a/b/m.yaml", text: text)
      let jobs = try Manifest.read("\(folder)/a/b/m.yaml").jobs
      #expect(jobs.map(\.adapterPath) == ["\(folder)/x", "/y"])
      #expect(jobs[0].recipe.evaluation?.path == "\(folder)/a/t")
      #expect(jobs[0].basePath == "\(folder)/a/b/models/base.gguf")
    }
  }

  @Test func theDemosManifestsAreGood() throws {
    for name in ["standard", "short", "full", "controls"] {
      let manifest = try Manifest.read(Checkout.path("golden/demo/\(name).yaml"))
      #expect(manifest.jobs.map(\.name) == ["clinc-domains-r8", "banking77-r16"])
      for job in manifest.jobs {
        #expect(job.basePath.hasSuffix("models/SmolLM2-135M-Instruct.Q4_1.gguf"))
        for path in job.inputPaths where path != job.basePath {
          #expect(Paths.kind(of: path) != .missing, "\(path)")
        }
      }
    }
  }

  @Test(arguments: [nil, "small"])
  func theManifestsOfTasksAreGood(preset: String?) throws {
    let folder = Checkout.path("formats/tasks")
    let names = try Paths.entries(of: folder).filter { $0.hasSuffix(".yaml") }
    #expect(names.count == 17)
    for name in names {
      let manifest = try Manifest.read("\(folder)/\(name)", preset: preset)
      #expect(manifest.preset == preset && !manifest.jobs.isEmpty)
      for job in manifest.jobs {
        #expect(job.adapterPath == nil)
        let isSmall = ["Q4_1.gguf", "MiniLM-L6-v2", "vit-bare"].contains(
          where: job.basePath.hasSuffix)
        #expect(isSmall == (preset != nil), "\(name)")
        #expect((job.recipe.evaluation?.limit != nil) == (preset != nil), "\(name)")
      }
    }
  }

  /// A preset stands between the adapters and the defaults: bases by name, options field by field, its size for another.
  @Test func presetsStandBeforeTheDefaults() throws {
    let text = """
      schema: xspress.manifest/1
      bases: {large: {path: models/large.gguf}, other: {path: models/other.gguf}}
      defaults: {base: large, rank: 8, store: int4, tune: {data: a.jsonl, steps: 900, batch_size: 64}}
      presets:
        small:
          bases: {large: {path: models/small.gguf}, extra: {path: models/extra.gguf}}
          defaults: {budget: 20KB, store: null, tune: {steps: 9}}
        plain: {defaults: {tune: null}}
      adapters:
        - {path: adapters/first-r8}
        - {path: adapters/second-r16, rank: 3, tune: {data: b.jsonl, steps: 5}}
      """
    func read(_ preset: String?) throws -> [JobPlan] {
      try withTemporaryDirectory { folder in
        _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
        return try Manifest.read("\(folder)/m.yaml", preset: preset).jobs
      }
    }
    let (usual, small, plain) = (try read(nil), try read("small"), try read("plain"))
    #expect(usual.map(\.recipe.tuning?.options.steps) == [900, 5])
    #expect(usual.map(\.recipe.storage) == [.int4, .int4])
    #expect(usual[0].basePath.hasSuffix("large.gguf") && small[0].basePath.hasSuffix("small.gguf"))
    #expect(small.map(\.recipe.tuning?.options.steps) == [9, 5])
    #expect(small.map(\.recipe.tuning?.options.batchSize) == [64, 64])
    #expect(small[0].recipe.target == .budget(bytes: 20_000) && small[1].recipe.target == .rank(3))
    #expect(plain.map(\.recipe.tuning?.options.steps) == [nil, 5])
    #expect(plain[1].recipe.tuning?.options.batchSize == 16)
    let fault = try #require(throws: Fault.self) { _ = try read("large") }
    #expect(fault.code == "MF-PRESET" && fault.kind == .usage)
    let wrong = text.replacing("plain: {defaults", with: "plain: {default")
    let key = try #require(throws: Fault.self) {
      try withTemporaryDirectory { folder in
        _ = try AtomicFile.write("\(folder)/m.yaml", text: wrong)
        _ = try Manifest.read("\(folder)/m.yaml")
      }
    }
    #expect(key.code == "MF-KEY" && key.reason.contains("presets.plain"))
  }

  @Test func notTextIsRefused() throws {
    try withTemporaryDirectory { folder in
      for bytes: [UInt8] in [[0xff, 0xfe, 0x61, 0], [0x61, 0, 0x62]] {
        _ = try AtomicFile.write("\(folder)/m.yaml", bytes: bytes)
        let fault = try #require(throws: Fault.self) { _ = try Manifest.read("\(folder)/m.yaml") }
        #expect(fault.code == "MF-YAML")
      }
    }
    #expect(throws: Fault.self) { _ = try Manifest.read("/nonexistent/m.yaml") }
  }

  @Test func onlyChoosesInManifestOrder() throws {
    let manifest = try read(
      head + "adapters: [{path: a, rank: 3}, {path: b, rank: 3}, {path: c, rank: 3}]")
    #expect(try manifest.jobs(only: []).count == 3)
    #expect(try manifest.jobs(only: ["c", "a"]).map(\.name) == ["a", "c"])
    let fault = try #require(throws: Fault.self) { _ = try manifest.jobs(only: ["d"]) }
    #expect(fault.kind == .usage)
  }

  @Test func theDigestFollowsOptionsAndContentsOnly() throws {
    let inputs = [("base", SHA256Digest.of([UInt8(1)])), ("adapter", SHA256Digest.of([UInt8(2)]))]
    func digest(_ entry: String, _ inputs: [(role: String, digest: SHA256Digest)]) throws -> String
    {
      try read(head + "adapters: [\(entry)]").jobs[0].digest(inputs: inputs)
    }
    let one = try digest("{path: adapters/first-r8, rank: 16}", inputs)
    #expect(try digest("{path: elsewhere/x, rank: 16, name: y}", inputs.reversed()) == one)
    #expect(try digest("{path: adapters/first-r8, rank: 17}", inputs) != one)
    #expect(try digest("{path: adapters/first-r8, rank: 16}", [inputs[0]]) != one)
    #expect(
      try digest("{path: a, rank: 16, tune: {data: d, steps: 3}}", inputs)
        != (try digest("{path: a, rank: 16, tune: {data: d, steps: 4}}", inputs)))
  }
}
