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
    let letters = Array("CDEFGHIJKLMNOPQRSTUVWXYZ")
    let openings = (0..<160).map { index in
      let text = String([letters[index % 24], letters[index / 24 % 24], letters[index * 7 % 24]])
      return "{\"opening\": \"\(text)\", \"length\": 1}\n"
    }
    _ = try AtomicFile.write(Paths.join(folder, "openings.jsonl"), text: openings.joined())
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
