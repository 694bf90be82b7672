import Files
import JSON
import TestSupport
import Testing

/// A minimum of retained gain in a batch: what it rejects has neither failed nor is it done.
@Suite struct BatchRejectionTests {
  /// Two-bit latents of few directions never keep all of the gain for sure.
  private func manifest(in folder: String, _ adapters: String) throws {
    let base = Paths.join(folder, "base.gguf")
    _ = try ExportBases.gguf.write(to: folder)
    _ = try AtomicFile.write(Paths.join(folder, "openings.jsonl"), text: TinyTexts.openings(160))
    _ = try AtomicFile.write(
      Paths.join(folder, "m.yaml"),
      text: """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(base)}
        defaults:
          budget: 2300
          store: int2
          self: {openings: openings.jsonl, texts: 160, writer: adapter, length: 2, temperature: 0.01}
          tune: {data: self, init: projected, steps: 2, lr: 0.001, validation: 0.2}
        adapters:
        \(adapters)
        """)
  }

  private func batch(_ folder: String) throws -> Tool.Outcome {
    try Tool.run(
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json"], cache: "\(folder)/cache")
  }

  @Test func rejectedIsAStateOfItsOwn() throws {
    let adapter = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      try manifest(
        in: folder,
        """
          - {path: \(adapter), name: short, min_retained: 1, budget: 2300}
          - {path: \(adapter), name: free}
        """)
      let run = try batch(folder)
      #expect(run.status == 65, "\(run.errors)")
      #expect(run.errorLines.last?.contains("JOB-RETAINED") == true, "\(run.errors)")
      let results = try JSONValue.parse(run.output)
      #expect(
        ["listed", "done", "failed", "rejected"].map { results[$0]?.intValue } == [2, 1, 0, 1])
      let job = try #require(results["jobs"]?.arrayValue?.first)
      #expect(job["state"]?.stringValue == "rejected" && job["artifact"]?.isNull == true)
      #expect(job["gate"]?["rows"]?.intValue == 32 && job["gate"]?["asked"]?.doubleValue == 1)
      #expect(Paths.kind(of: "\(folder)/run/jobs/short/short.loraxs") == .missing)
      let record = try JSONValue.parse(
        try InputFile("\(folder)/run/jobs/short/record.json").readAll(limit: 1 << 20))
      #expect(record["state"]?.stringValue == "rejected")
      #expect(record["failure"]?["code"]?.stringValue == "JOB-RETAINED")
      #expect(record["gate"] == job["gate"])
      let report = try JSONValue.parse(
        try InputFile("\(folder)/run/report/report.json").readAll(limit: 1 << 24))
      #expect(
        ["done", "failed", "rejected"].map { report["totals"]?[$0]?.intValue } == [1, 0, 1])
      let table = String(
        decoding: try InputFile("\(folder)/run/report/report.csv").readAll(limit: 1 << 20),
        as: UTF8.self)
      #expect(table.contains("short,rejected,"))
      // Run again it is judged again, and the other is done already.
      let again = try JSONValue.parse(try batch(folder).output)
      #expect(["rejected", "skipped"].map { again[$0]?.intValue } == [1, 1])
    }
  }

  /// Told to keep the LoRA, the same job is done with: a state of its own, wherever states are listed.
  @Test func keptIsAStateOfItsOwn() throws {
    let adapter = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      try manifest(
        in: folder,
        """
          - {path: \(adapter), name: short, min_retained: 1, budget: 2300, below_minimum: keep}
          - {path: \(adapter), name: free}
        """)
      let run = try batch(folder)
      #expect(run.status == 0, "\(run.errors)")
      let results = try JSONValue.parse(run.output)
      #expect(
        ["listed", "done", "rejected", "kept"].map { results[$0]?.intValue } == [2, 1, 0, 1])
      let record = try JSONValue.parse(
        try InputFile("\(folder)/run/jobs/short/record.json").readAll(limit: 1 << 20))
      let sizes = try #require(record["sizes"])
      #expect(record["state"]?.stringValue == "kept" && record["failure"]?.isNull == true)
      #expect(record["artifact"]?.isNull == true && record["gate"]?["rows"]?.intValue == 32)
      #expect(sizes["artifact"] == sizes["as_shipped"])
      let totals = try JSONValue.parse(
        try InputFile("\(folder)/run/report/report.json").readAll(limit: 1 << 24))["totals"]
      #expect(["done", "rejected", "kept"].map { totals?[$0]?.intValue } == [1, 0, 1])
      // Run again both are done with; collected, exported and verified it is neither missing nor at fault.
      #expect(try JSONValue.parse(try batch(folder).output)["skipped"]?.intValue == 2)
      let collected = try Tool.run(
        ["collect", "\(folder)/run", "--json"], cache: "\(folder)/cache")
      #expect(collected.status == 0, "\(collected.errors)")
      #expect(try JSONValue.parse(collected.output)["kept"]?.intValue == 1)
      let exported = try Tool.run(
        ["export", "\(folder)/run", "--to", "peft", "-o", "\(folder)/peft", "--json"],
        cache: "\(folder)/cache")
      #expect(exported.status == 0, "\(exported.errors)")
      let exports = try JSONValue.parse(exported.output)
      #expect(["listed", "done", "kept"].map { exports[$0]?.intValue } == [2, 1, 1])
      let kept = exports["exports"]?.arrayValue?.first { $0["state"]?.stringValue == "kept" }
      #expect(kept?["adapter"]?.stringValue == adapter && kept?["artifact"]?.isNull == true)
      let verified = try Tool.run(["verify", "\(folder)/run", "--json"])
      #expect(verified.status == 0 && verified.output.contains("\"kept\""), "\(verified.errors)")
      // An artifact that lies there all the same belongs to nothing.
      _ = try AtomicFile.write("\(folder)/run/jobs/short/short.loraxs", text: "x")
      let odd = try Tool.run(["verify", "\(folder)/run"])
      #expect(odd.status == 65 && odd.errors.contains("RUN-ARTIFACT"), "\(odd.errors)")
    }
  }

  /// The line and the code are those of what failed: running again may help there.
  @Test func failuresComeFirst() throws {
    try withTemporaryDirectory { folder in
      try manifest(
        in: folder,
        """
          - {path: \(Checkout.path("golden/tiny/adapter")), name: short, min_retained: 1, budget: 2300}
          - {path: missing}
        """)
      let run = try batch(folder)
      #expect(run.status == 66, "\(run.errors)")
      #expect(run.errorLines.last?.contains("JOB-RETAINED") == false)
    }
  }
}
