import Files
import Foundation
import JSON
import TestSupport
import Testing

private let head = """
  schema: xspress.manifest/1
  bases:
    tiny: {path: \(Checkout.path("golden/tiny/model"))}
  defaults: {rank: 4}
  adapters:

  """

/// Batches on the tiny model, without data: all of it but tuning and measuring.
@Suite struct BatchCommandTests {
  private func batch(_ folder: String, _ arguments: [String] = []) throws -> Tool.Outcome {
    try Tool.run(
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--log", "none"] + arguments,
      cache: "\(folder)/cache")
  }

  private func states(_ run: Tool.Outcome) throws -> [String?] {
    let value = try JSONValue.parse(run.output)
    #expect(value["schema"]?.stringValue == "xspress.batch/1")
    return (value["jobs"]?.arrayValue ?? []).map { $0["state"]?.stringValue }
  }

  @Test func aBatchRunsResumesAndReports() throws {
    try withTemporaryDirectory { folder in
      let text =
        head + "  - {path: \(Checkout.path("golden/tiny/adapter")), name: one}\n"
        + "  - {path: \(Checkout.path("golden/tiny/adapter")), name: two, store: f32}\n"
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      #expect(try batch(folder, ["--dry-run", "--json"]).status == 0)
      #expect(Paths.kind(of: "\(folder)/run") == .missing)

      let first = try batch(folder, ["--json"])
      #expect(first.status == 0 && first.errors.isEmpty, "\(first.errors)")
      #expect(try states(first) == ["done", "done"])
      let again = try batch(folder, ["--json"])
      #expect(try states(again) == ["skipped", "skipped"])
      for name in ["one", "two"] {
        #expect(Paths.kind(of: "\(folder)/run/jobs/\(name)/\(name).loraxs") == .file)
      }
      let table = try batch(folder)
      #expect(table.output.hasPrefix("size"))

      // What the batch wrote and what `report` makes of the records are the same.
      #expect(try Tool.run(["report", "\(folder)/run", "-o", "\(folder)/again"]).status == 0)
      for name in ["index.html", "report.md", "report.csv", "modules.csv", "report.json"] {
        #expect(
          try InputFile("\(folder)/run/report/\(name)").readAll(limit: 1 << 24)
            == InputFile("\(folder)/again/\(name)").readAll(limit: 1 << 24))
      }
    }
  }

  @Test func oneBadAdapterDoesNotStopTheOthers() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/broken")
      _ = try AtomicFile.write("\(folder)/broken/adapter_config.json", text: "{}")
      let text =
        head + "  - {path: broken}\n  - {path: missing}\n"
        + "  - {path: \(Checkout.path("golden/tiny/adapter")), name: good}\n"
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      let run = try batch(folder, ["--json"])
      #expect(try states(run) == ["failed", "failed", "done"])
      // The smallest permanent code, one line, and a report that accounts for all three.
      #expect([65, 66].contains(run.status) && run.faultLines.count == 1, "\(run.errors)")
      let report = try JSONValue.parse(
        try InputFile("\(folder)/run/report/report.json").readAll(limit: 1 << 24))
      let totals = try #require(report["totals"])
      #expect(["listed", "done", "failed"].map { totals[$0]?.intValue } == [3, 1, 2])
    }
  }

  /// A copy of the tiny adapter that a test may change.
  private func copyAdapter(to folder: String) throws {
    try Paths.makeDirectory(folder)
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
      let bytes = try InputFile(Checkout.path("golden/tiny/adapter/\(name)")).readAll(
        limit: 1 << 24)
      _ = try AtomicFile.write("\(folder)/\(name)", bytes: bytes)
    }
  }

  @Test func aChangedConfigurationIsAnotherJob() throws {
    try withTemporaryDirectory { folder in
      try copyAdapter(to: "\(folder)/one")
      try copyAdapter(to: "\(folder)/two")
      let text = head + "  - {path: one}\n  - {path: two}\n"
      _ = try AtomicFile.write("\(folder)/m.yaml", text: text)
      #expect(try states(batch(folder, ["--json", "--only", "one"])) == ["done", "skipped"])
      #expect(try states(batch(folder, ["--json"])) == ["skipped", "done"])
      // The scaling changes, the weights do not.
      let path = "\(folder)/one/adapter_config.json"
      let config = String(decoding: try InputFile(path).readAll(limit: 1 << 20), as: UTF8.self)
      let alpha = try #require(config.firstMatch(of: /"lora_alpha": *[0-9.]+/)?.output)
      _ = try AtomicFile.write(path, text: config.replacing(alpha, with: "\"lora_alpha\": 77"))
      #expect(try states(batch(folder, ["--json"])) == ["done", "skipped"])
      // A job that was not asked for is still in the report, with what is known of it.
      #expect(try states(batch(folder, ["--json", "--only", "two"])) == ["skipped", "skipped"])
      let report = try JSONValue.parse(
        try InputFile("\(folder)/run/report/report.json").readAll(limit: 1 << 24))
      #expect(report["totals"]?["done"]?.intValue == 2)
    }
  }

  @Test func aRunNeverLiesInItsInputsOrAmongForeignFiles() throws {
    try withTemporaryDirectory { folder in
      try copyAdapter(to: "\(folder)/one")
      _ = try AtomicFile.write("\(folder)/m.yaml", text: head + "  - {path: one}\n")
      let inside = try Tool.run(["batch", "\(folder)/m.yaml", "-o", "\(folder)/one/run"])
      #expect(inside.status == 64 && inside.errors.contains("OUT-IN"), "\(inside.errors)")
      #expect(try Paths.entries(of: "\(folder)/one").count == 2)
      try Paths.makeDirectory("\(folder)/other")
      _ = try AtomicFile.write("\(folder)/other/x", text: "mine")
      let foreign = try Tool.run(["batch", "\(folder)/m.yaml", "-o", "\(folder)/other"])
      #expect(foreign.status == 73 && foreign.errors.contains("OUT-EXISTS"), "\(foreign.errors)")
      #expect(try Paths.entries(of: "\(folder)/other") == ["x"])
      let config = "\(folder)/one/adapter_config.json"
      let data = try Tool.run([
        "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter", "\(folder)/one",
        "--rank", "2", "--calibrate", "\(folder)/m.yaml", "-o", "\(folder)/m.yaml",
      ])
      #expect(data.status == 64 && data.errors.contains("OUT-IN"), "\(data.errors)")
      #expect(Paths.kind(of: config) == .file)
    }
  }

  @Test(arguments: [
    ("  - {path: a, rang: 4}\n", 65, "MF-KEY"), ("  - {glob: 'no/*'}\n", 66, "MF-GLOB"),
    ("  - {path: a}\n  - {path: b/a}\n", 65, "NAME-DUP"),
  ])
  func badManifestsStopBeforeAnyWork(entries: String, exitCode: Int, code: String) throws {
    try withTemporaryDirectory { folder in
      _ = try AtomicFile.write("\(folder)/m.yaml", text: head + entries)
      let run = try batch(folder)
      #expect(run.status == exitCode && run.errors.contains(code), "\(run.errors)")
      #expect(run.errorLines.count == 1)
      #expect(try Paths.entries(of: folder) == ["m.yaml"])
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionsAreGenerated(shell: String) throws {
    let run = try Tool.run(["--generate-completion-script", shell])
    #expect(run.status == 0 && run.output.contains("xspress"))
  }
}
