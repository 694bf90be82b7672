import Faults
import Files
import Fleet
import JSON
import Recipes
import TestSupport
import Testing

/// `RUN/plan.json`: what every process that does a part of a run must agree in.
@Suite struct RunPlanTests {
  @Test func jobsOfOneBaseAndRecipeAreAGroup() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2), ("b", 4), ("c", 2)])
      let plan = try RunPlan(try run.manifest())
      #expect(plan.jobs.map(\.name) == ["a", "b", "c"])
      #expect(plan.jobs.map(\.group) == [0, 1, 0])
      #expect(plan.jobs.map(\.bytes) == [10, 20, 30])
      #expect(plan.jobs[0].options == plan.jobs[2].options)
      #expect(plan.jobs[0].options != plan.jobs[1].options)
    }
  }

  @Test func whatIsWrittenIsRead() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2), ("b", 4)])
      let written = try run.fleet.plan(try run.manifest())
      let (read, manifest) = try RunPlan.read(run.run)
      #expect(read.jobs == written.jobs && read.manifestDigest == written.manifestDigest)
      #expect(manifest.jobs.map(\.name) == ["a", "b"])
      // Planned again, the same plan.
      #expect(try run.fleet.plan(try run.manifest()).jobs == written.jobs)
    }
  }

  /// Every job is in one part, although an adapter grows between two parts of a run.
  @Test func partsAreOfWhatWasPlanned() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2), ("b", 2), ("c", 2), ("d", 2)])
      try run.fleet.plan(try run.manifest())
      func names(_ text: String) throws -> [String] {
        try RunPlan.read(run.run).plan.names(of: try #require(Shard(text)))
      }
      let first = try names("0/2")
      _ = try AtomicFile.write("\(folder)/d", bytes: [UInt8](repeating: 7, count: 100_000))
      #expect(Set(first + (try names("1/2"))) == ["a", "b", "c", "d"])
      #expect(try names("0/2") == first)
    }
  }

  /// A part of another plan would do jobs that nobody asked for.
  @Test func aChangedManifestIsRefused() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2), ("b", 4)])
      try run.fleet.plan(try run.manifest())
      let planned = try InputFile(run.manifestPath).readAll(limit: 4096)
      _ = try AtomicFile.write(run.manifestPath, bytes: planned + Array("# later\n".utf8))
      let fault = try #require(throws: Fault.self) { _ = try RunPlan.read(run.run) }
      #expect(fault.code == "RUN-CHANGED" && fault.exitCode == 65)
      #expect(fault.path == run.manifestPath)
    }
  }

  /// A run's records are of its plan's options: others need a place of their own, more jobs do not.
  @Test func otherOptionsNeedAnotherRun() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2)])
      try run.fleet.plan(try run.manifest())
      try run.rewrite([("a", 2), ("b", 4)])
      _ = try AtomicFile.write("\(folder)/b", text: "b")
      #expect(try run.fleet.plan(try run.manifest()).jobs.count == 2)
      try run.rewrite([("a", 3), ("b", 4)])
      let fault = try #require(throws: Fault.self) { try run.fleet.plan(try run.manifest()) }
      #expect(fault.code == "RUN-PLAN" && fault.exitCode == 73)
      #expect(fault.reason.contains("\"a\""))
      // The plan that was there stays.
      try run.rewrite([("a", 2), ("b", 4)])
      #expect(try RunPlan.read(run.run).plan.jobs.count == 2)
    }
  }

  @Test(arguments: [
    ("", "RUN-PLAN"), ("{", "JSON-SYNTAX"), ("{\"schema\": \"xspress.plan/2\"}", "RUN-PLAN"),
    ("{\"manifest\": 3, \"manifest_sha256\": \"\"}", "RUN-PLAN"),
  ])
  func aDamagedPlanIsNamed(text: String, code: String) throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2)])
      try run.fleet.plan(try run.manifest())
      _ = try AtomicFile.write("\(run.run.path)/plan.json", text: text)
      let fault = try #require(throws: Fault.self) { _ = try RunPlan.read(run.run) }
      #expect(fault.path == "\(run.run.path)/plan.json" && fault.exitCode == 65)
      if !text.isEmpty { #expect(fault.code == code) }
    }
  }

  /// What a run reads is no place to write one.
  @Test func aRunInItsInputIsRefused() throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2)])
      try Paths.makeDirectory("\(folder)/adapter")
      _ = try AtomicFile.write(
        run.manifestPath,
        text: "schema: xspress.manifest/1\nbases: {b: {path: base.gguf}}\n"
          + "adapters: [{path: adapter, rank: 2}]\n")
      let inside = Fleet(run: "\(folder)/adapter/run")
      let fault = try #require(throws: Fault.self) { try inside.plan(try run.manifest()) }
      #expect(fault.code == "OUT-IN" && fault.kind == .usage)
      #expect(Paths.kind(of: "\(folder)/adapter/run") == .missing)
    }
  }

  /// All parts together are all jobs, each once, and neighbours in a part have one base and recipe.
  @Test func partsAreTheWhole() throws {
    try withTemporaryDirectory { folder in
      let names = (0..<9).map { (name: "j\($0)", rank: 2 + $0 % 3) }
      let plan = try RunPlan(try TinyRun(in: folder, names).manifest())
      let parts = try (0..<4).map { plan.names(of: try #require(Shard("\($0)/4"))) }
      #expect(parts.flatMap(\.self).sorted() == names.map(\.name))
      let whole = plan.names(of: .whole)
      let groups = whole.compactMap { name in plan.jobs.first { $0.name == name }?.group }
      #expect(groups == groups.sorted())
    }
  }
}
