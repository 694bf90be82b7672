import Files
import Foundation
import JSON
import TestSupport
import Testing

/// The artifacts of a run and their records belong together.
@Suite struct RunBindingTests {
  /// A run of two jobs that differ, in a fresh folder.
  private func withRun(_ body: (_ folder: String, _ run: String) throws -> Void) throws {
    try withTemporaryDirectory { folder in
      let adapter = Checkout.path("golden/tiny/adapter")
      let text = """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(Checkout.path("golden/tiny/model"))}
        defaults: {rank: 4}
        adapters:
          - {path: \(adapter), name: one}
          - {path: \(adapter), name: two, store: f32}

        """
      try AtomicFile.write("\(folder)/m.yaml", text: text)
      #expect(try batch(folder).status == 0)
      try body(folder, "\(folder)/run")
    }
  }

  private func batch(_ folder: String) throws -> Tool.Outcome {
    try Tool.run(
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--quiet", "--json"],
      cache: "\(folder)/cache")
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    try InputFile(path).readAll(limit: 1 << 24)
  }

  private func states(_ outcome: Tool.Outcome) throws -> [String?] {
    (try JSONValue.parse(outcome.output)["jobs"]?.arrayValue ?? []).map { $0["state"]?.stringValue }
  }

  @Test func theRecordNamesTheFile() throws {
    try withRun { _, run in
      let record = try JSONValue.parse(try bytes("\(run)/jobs/one/record.json"))
      #expect(
        record["artifact_sha256"]?.stringValue
          == SHA256Digest.of(try bytes("\(run)/jobs/one/one.loraxs")).hex)
      let verified = try Tool.run(["verify", run, "--json"])
      #expect(verified.status == 0, "\(verified.errors)")
      #expect(try JSONValue.parse(verified.output)["failed"]?.intValue == 0)
    }
  }

  /// What an earlier job left beside the record of one that failed is nobody's.
  @Test func theArtifactOfAnEarlierJobIsNotExported() throws {
    try withRun { folder, run in
      let path = "\(run)/jobs/two/record.json"
      let record = String(decoding: try bytes(path), as: UTF8.self)
      let changed = record.replacing("\"state\": \"done\"", with: "\"state\": \"failed\"")
      #expect(changed != record)
      try AtomicFile.write(path, text: changed)
      let exported = try Tool.run(
        ["export", run, "--to", "peft", "-o", "\(folder)/exports", "--quiet"],
        cache: "\(folder)/cache")
      #expect(exported.status == 65, "\(exported.errors)")
      #expect(exported.errors.contains("RUN-ARTIFACT"), "\(exported.errors)")
      #expect(Paths.kind(of: "\(folder)/exports/one") == .directory)
      #expect(Paths.kind(of: "\(folder)/exports/two") == .missing)
    }
  }

  /// One artifact copied over another, one that is damaged, one that is missing.
  @Test(arguments: ["copied", "damaged", "missing"])
  func anotherArtifactIsNoticedByEveryCommand(fault: String) throws {
    try withRun { folder, run in
      let (one, two) = ("\(run)/jobs/one/one.loraxs", "\(run)/jobs/two/two.loraxs")
      let good = try bytes(two)
      switch fault {
      case "copied": try AtomicFile.write(two, bytes: try bytes(one))
      case "damaged": try AtomicFile.write(two, bytes: good.dropLast() + [good[good.count - 1] ^ 1])
      default: Paths.removeIfPresent(two)
      }
      let verified = try Tool.run(["verify", run])
      #expect(verified.status == 65 && verified.errors.contains("two.loraxs"), "\(verified.errors)")
      #expect(verified.errors.contains("RUN-ARTIFACT") && verified.errorLines.count == 1)

      let exported = try Tool.run(
        ["export", run, "--to", "peft", "-o", "\(folder)/exports", "--quiet"],
        cache: "\(folder)/cache")
      #expect(
        exported.status == 65 && exported.errors.contains("RUN-ARTIFACT"), "\(exported.errors)")
      #expect(Paths.kind(of: "\(folder)/exports/one") == .directory)
      #expect(Paths.kind(of: "\(folder)/exports/two") == .missing)

      let report = try Tool.run(["report", run, "-o", "\(folder)/report"])
      #expect(report.status == 65 && report.errors.contains("RUN-ARTIFACT"), "\(report.errors)")
      let page = String(decoding: try bytes("\(folder)/report/report.md"), as: UTF8.self)
      #expect(page.contains("RUN-ARTIFACT"))

      // The batch makes it again, the same to the bit.
      #expect(try states(try batch(folder)) == ["skipped", "done"])
      #expect(try bytes(two) == good)
      #expect(try Tool.run(["verify", run]).status == 0)
    }
  }

  /// Records of earlier versions have no digest; the adapter's still tells whose artifact it is.
  @Test func recordsWithoutADigestAreStillRead() throws {
    try withRun { folder, run in
      let path = "\(run)/jobs/one/record.json"
      var record = try #require(try JSONValue.parse(try bytes(path)).objectValue)
      record["artifact_sha256"] = nil
      try AtomicFile.write(path, text: JSONValue.object(record).text())
      #expect(try Tool.run(["verify", run]).status == 0)
      #expect(try states(try batch(folder)) == ["skipped", "skipped"])
    }
  }

  @Test func aTornRecordDoesNotStopTheReport() throws {
    try withRun { folder, run in
      let path = "\(run)/jobs/one/record.json"
      try AtomicFile.write(path, bytes: Array(try bytes(path).prefix(300)))
      let report = try Tool.run(["report", run, "-o", "\(folder)/report", "--json"])
      #expect(report.status == 65 && report.errors.contains("jobs/one/record.json"))
      let value = try JSONValue.parse(try bytes("\(folder)/report/report.json"))
      let totals = try #require(value["totals"])
      #expect(["listed", "done", "failed"].map { totals[$0]?.intValue } == [2, 1, 1])
      #expect(try Tool.run(["verify", run]).status == 65)
    }
  }

  @Test func anArtifactIsVerifiedAgainstItsBase() throws {
    try withRun { folder, run in
      let (path, base) = ("\(run)/jobs/one/one.loraxs", Checkout.path("golden/tiny/model"))
      #expect(try Tool.run(["verify", path]).status == 0)
      let proven = try Tool.run(
        ["verify", path, "--base", base, "--quiet"], cache: "\(folder)/cache")
      #expect(proven.status == 0, "\(proven.errors)")
      let other = try Tool.run(
        ["verify", path, "--base", Checkout.path("golden/models/llama-odd"), "--quiet"],
        cache: "\(folder)/cache")
      #expect(other.status != 0)
      #expect(try Tool.run(["verify", run, "--base", base]).status == 64)
    }
  }

  /// A kill between making and renaming the plan's temporary file; the owner of the lock is gone.
  @Test func aRunThatWasKilledAtItsFirstFileGoesOn() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/run")
      try AtomicFile.write("\(folder)/run/.xspress.lock", text: "process 1 on nowhere")
      try AtomicFile.write("\(folder)/run/.plan.json.tmp-999999-1", text: "{")
      let text = """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(Checkout.path("golden/tiny/model"))}
        defaults: {rank: 4}
        adapters:
          - {path: \(Checkout.path("golden/tiny/adapter")), name: one}

        """
      try AtomicFile.write("\(folder)/m.yaml", text: text)
      let outcome = try batch(folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try !Paths.entries(of: "\(folder)/run").contains { $0.contains(".tmp-") })
    }
  }

  /// The loser of two batches at once may try again, also before the winner has written its plan.
  @Test func theSecondOfTwoBatchesIsTemporary() throws {
    try withRun { folder, run in
      let lock = try OutputLock(run)
      #expect(try batch(folder).status == 75)
      Paths.removeIfPresent("\(run)/plan.json")
      try FileManager.default.removeItem(atPath: "\(run)/jobs")
      try FileManager.default.removeItem(atPath: "\(run)/report")
      #expect(try batch(folder).status == 75)
      withExtendedLifetime(lock) {}
    }
  }

  /// The same inputs under other spellings make the same bytes, and no place of this machine is in them.
  @Test func bytesDoNotDependOnTheSpellingOfPaths() throws {
    try withTemporaryDirectory { folder in
      let model = "\(folder)/tiny-model"
      let adapter = "\(folder)/tiny-adapter"
      try FileManager.default.copyItem(atPath: Checkout.path("golden/tiny/model"), toPath: model)
      try FileManager.default.copyItem(
        atPath: Checkout.path("golden/tiny/adapter"), toPath: adapter)
      var found: [[UInt8]] = []
      for (base, lora) in [
        (model, adapter), ("\(model)/", "\(adapter)/."),
        ("\(model)/.", "\(adapter)/../tiny-adapter"),
      ] {
        let output = "\(folder)/o\(found.count).loraxs"
        let outcome = try Tool.run(
          ["convert", "--base", base, "--adapter", lora, "--rank", "3", "-o", output, "--quiet"],
          cache: "\(folder)/cache")
        #expect(outcome.status == 0, "\(outcome.errors)")
        found.append(try bytes(output))
      }
      #expect(Set(found).count == 1)
      let shown = try Tool.run(["inspect", "\(folder)/o0.loraxs", "--json"]).output
      #expect(!shown.contains(folder))
    }
  }
}
