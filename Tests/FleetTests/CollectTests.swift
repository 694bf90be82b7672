import Bases
import Faults
import Files
import Fleet
import JSON
import Recipes
import Reports
import TestSupport
import Testing

/// What a run came to: by its records and artifacts, whoever wrote them.
@Suite struct CollectTests {
  private func withRun(_ body: (TinyRun, Manifest) throws -> Void) throws {
    try withTemporaryDirectory { folder in
      let run = try TinyRun(in: folder, [("a", 2), ("b", 4), ("c", 2), ("d", 2)])
      try run.fleet.plan(try run.manifest())
      try body(run, try run.manifest())
    }
  }

  @Test func everyJobIsCountedOnce() throws {
    try withRun { run, manifest in
      let fault = Fault(.badData, "AD-PAIR", "no pair", path: "x")
      try run.leave("a", .done)
      try run.leave("b", .failed, fault: fault)
      try run.leave("c", .kept)
      let results = try run.fleet.collect(manifest, threads: 2)
      #expect(results.map(\.name) == ["a", "b", "c", "d"])
      #expect(results.map(\.state) == [.done, .failed, .kept, .skipped])
      #expect(results[0].artifactPath == run.artifactPath("a"))
      #expect(results[1].fault?.code == "AD-PAIR" && results[1].fault?.exitCode == 65)
      // Who runs its part again does it.
      #expect(results[3].fault?.code == "RUN-MISSING" && results[3].fault?.exitCode == 75)
    }
  }

  /// A record in another job's folder, with all that belongs to it, is not that job's.
  @Test func aRecordIsOfTheFolderItLiesIn() throws {
    try withRun { run, manifest in
      for name in ["a", "b"] { try run.leave(name, .done) }
      for name in ["record.json", "b.loraxs"] {
        let source = name == "record.json" ? "jobs/a/record.json" : "jobs/a/a.loraxs"
        let bytes = try InputFile("\(run.run.path)/\(source)").readAll(limit: 1 << 20)
        _ = try AtomicFile.write("\(run.run.path)/jobs/b/\(name)", bytes: bytes)
      }
      let results = try run.fleet.collect(manifest, threads: 1)
      #expect(results.map(\.state) == [.done, .failed, .skipped, .skipped])
      #expect(results[1].fault?.code == "RUN-ARTIFACT")
    }
  }

  /// A record is believed as far as the file beside it is the one that it speaks of.
  @Test func anotherArtifactIsAFailure() throws {
    try withRun { run, manifest in
      for name in ["a", "b", "c"] { try run.leave(name, .done) }
      _ = try AtomicFile.write(run.artifactPath("a"), text: "another")
      Paths.removeIfPresent(run.artifactPath("b"))
      try run.leave("d", .kept)
      _ = try AtomicFile.write(run.artifactPath("d"), text: "an earlier one's")
      let results = try run.fleet.collect(manifest, threads: 1)
      #expect(results.map(\.state) == [.failed, .failed, .done, .failed])
      for place in [0, 1, 3] {
        #expect(results[place].fault?.code == "RUN-ARTIFACT", "\(results[place].name)")
        #expect(results[place].artifactPath == nil)
      }
      let fault = try #require(throws: Fault.self) { _ = try run.fleet.finished() }
      #expect(fault.code == "RUN-ARTIFACT" && fault.path == run.artifactPath("a"))
    }
  }

  @Test func aDamagedRecordIsAFailureOfItsJobAlone() throws {
    try withRun { run, manifest in
      for name in ["a", "b", "c", "d"] { try run.leave(name, .done) }
      let path = "\(run.run.path)/jobs/b/record.json"
      let bytes = try InputFile(path).readAll(limit: 1 << 20)
      _ = try AtomicFile.write(path, bytes: Array(bytes.prefix(bytes.count / 2)))
      let results = try run.fleet.collect(manifest, threads: 1)
      #expect(results.map(\.state) == [.done, .failed, .done, .done])
      #expect(results[1].fault?.path == path && results[1].fault?.exitCode == 65)
    }
  }

  @Test func finishedJobsComeWithWhatWasAskedFor() throws {
    try withRun { run, _ in
      try run.leave("b", .done)
      try run.leave("c", .failed, fault: Fault(.badData, "AD-PAIR", "no pair"))
      let finished = try run.fleet.finished()
      #expect(finished.count == 1)
      let job = try #require(finished.first)
      #expect(job.plan.name == "b" && job.plan.recipe.target == .rank(4))
      #expect(job.artifactPath == run.artifactPath("b") && job.record.state == .done)
    }
  }

  /// A job that this process did not reach has what an earlier one left; a job that it stopped has not.
  @Test func whatWasNotRunIsAsItWas() throws {
    try withRun { run, manifest in
      try run.leave("a", .done)
      try run.leave("b", .done)
      let stopped = Fault(.temporary, "RUN-STOPPED", "stopped")
      let known = [JobResult(name: "b", state: .failed, fault: stopped)]
      let results = try run.fleet.results(manifest, known: known, threads: 1)
      #expect(results.map(\.state) == [.skipped, .failed, .skipped, .skipped])
      #expect(results[0].record?.state == .done && results[0].artifactPath != nil)
      #expect(results[1].record?.failure?.code == "RUN-STOPPED")
      #expect(results[2].record?.state == .skipped && results[2].artifactPath == nil)
    }
  }

  @Test func theReportIsOfAllJobs() throws {
    try withRun { run, manifest in
      try run.leave("b", .failed, fault: Fault(.badData, "AD-PAIR", "no pair", path: "x"))
      let results = try run.fleet.collect(manifest, threads: 1)
      _ = try run.fleet.report(results, threads: 1)
      let text = try InputFile("\(run.run.reportPath)/report.json").readAll(limit: 1 << 20)
      let jobs = try JSONField(try JSONValue.parse(text), code: "TEST")["jobs"].array()
      #expect(try jobs.map { try $0["name"].string() } == ["a", "b", "c", "d"])
      let html = try InputFile("\(run.run.reportPath)/index.html").readAll(limit: 1 << 22)
      #expect(String(decoding: html, as: UTF8.self).contains("AD-PAIR"))
    }
  }
}

/// One document and one exit code for a batch.
@Suite struct BatchResultsTests {
  private func failed(_ name: String, _ kind: Fault.Kind, _ code: String) -> JobResult {
    JobResult(name: name, state: .failed, fault: Fault(kind, code, "why", path: name))
  }

  @Test func everyStateIsCounted() throws {
    let results =
      JobResult.State.allCases.map { JobResult(name: $0.rawValue, state: $0) }
      + [failed("x", .badData, "AD-PAIR")]
    let fields = JSONField(BatchResults.json(results), code: "TEST")
    #expect(try fields["listed"].int(in: 0...99) == 7)
    #expect(try fields["failed"].int(in: 0...99) == 2)
    for state in ["done", "rejected", "kept", "skipped", "planned"] {
      #expect(try fields[state].int(in: 0...99) == 1, "\(state)")
    }
    let last = try #require(try fields["jobs"].array().last)
    #expect(try last["error"].string().hasSuffix("AD-PAIR"))
  }

  /// The exit code tells whether running it again can help: where one job needs a change, it does not alone.
  @Test func permanentFailuresComeBeforeTemporaryOnes() throws {
    let (disk, pair, memory) = (
      failed("a", .temporary, "IO-FULL"), failed("b", .resources, "MEM-BUDGET"),
      failed("c", .badData, "AD-PAIR")
    )
    #expect(BatchResults.fault([disk])?.exitCode == 75)
    #expect(BatchResults.fault([disk, pair])?.code == "MEM-BUDGET")
    #expect(BatchResults.fault([disk, pair, memory])?.code == "AD-PAIR")
    #expect(BatchResults.fault([JobResult(name: "d", state: .done)]) == nil)
    #expect(BatchResults.exitCode(of: []) == 0)
  }

  /// A rejected artifact is a result, and an error only where nothing else failed.
  @Test func rejectionsComeLast() throws {
    let rejected = JobResult(
      name: "r", state: .rejected, fault: Fault(.badData, "GATE-RETAINED", "less"))
    #expect(BatchResults.fault([rejected])?.code == "GATE-RETAINED")
    let disk = failed("a", .temporary, "IO-FULL")
    #expect(BatchResults.fault([rejected, disk])?.code == "IO-FULL")
  }
}
