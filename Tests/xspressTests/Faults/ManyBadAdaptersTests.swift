import Files
import Foundation
import JSON
import TestSupport
import Testing

/// A batch of broken adapters with a good one here and there: each has its line, and the good ones are done.
///
/// A hundred and some; 10,000 with `XSPRESS_FAULTS` set (`make faults`).
@Suite struct ManyBadAdaptersTests {
  private static let count =
    ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil ? 10_000 : 150

  /// The files of an adapter.
  private struct Content {
    var configuration: [UInt8]
    var weights: [UInt8]?
  }

  /// What is done to the files of a good adapter, and the code word of its failure.
  private static let defects: [(code: String, change: @Sendable (inout Content) -> Void)] = [
    ("IO-OPEN", { $0.weights = nil }),
    ("ST-TRUNC", { $0.weights?.removeLast() }),
    ("ST-SHORT", { $0.weights = [] }),
    ("FILE-LFS", { $0.weights = Array("version https://git-lfs.github.com/spec/v1\n".utf8) }),
    ("AD-CONFIG", { $0.configuration = Array("{".utf8) }),
    ("AD-TYPE", { $0.configuration = Array("{}".utf8) }),
    ("FILE-HTML", { $0.configuration = Array("<!DOCTYPE html>".utf8) }),
    // The last value is NaN.
    (
      "VAL-NAN",
      { files in
        files.weights?.removeLast(2)
        files.weights?.append(contentsOf: [0xc0, 0x7f])
      }
    ),
  ]

  @Test(.timeLimit(.minutes(30))) func eachHasItsLine() throws {
    let source = Checkout.path("golden/tiny/adapter")
    let good = Content(
      configuration: try InputFile("\(source)/adapter_config.json").readAll(limit: 1 << 20),
      weights: try InputFile("\(source)/adapter_model.safetensors").readAll(limit: 1 << 20))
    try withTemporaryDirectory { folder in
      _ = try ExportBases.gguf.write(to: folder)
      var expected: [String: String?] = [:]
      for index in 0..<Self.count {
        let name = "a\(index)"
        var files = good
        let place = index % (Self.defects.count + 1)
        let defect = place < Self.defects.count ? Self.defects[place] : nil
        defect?.change(&files)
        expected.updateValue(defect?.code, forKey: name)
        // Not synchronised: these are thousands.
        let adapter = URL(fileURLWithPath: "\(folder)/adapters/\(name)")
        try FileManager.default.createDirectory(at: adapter, withIntermediateDirectories: true)
        try Data(files.configuration).write(
          to: adapter.appendingPathComponent("adapter_config.json"))
        if let weights = files.weights {
          try Data(weights).write(to: adapter.appendingPathComponent("adapter_model.safetensors"))
        }
      }
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: base.gguf}}
          adapters:
            - {glob: 'adapters/*', rank: 3}

          """)
      let begin = Date()
      let run = try Tool.run(
        ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--quiet"], cache: "\(folder)/cache")
      #expect([65, 66].contains(run.status) && run.faultLines.count == 1, "\(run.errors)")
      let seconds = Date().timeIntervalSince(begin)
      let report = try JSONValue.parse(
        try InputFile("\(folder)/run/report/report.json").readAll(limit: 1 << 28))
      let done = expected.values.count { $0 == nil }
      #expect(
        ["listed", "done", "failed"].map { report["totals"]?[$0]?.intValue }
          == [Self.count, done, Self.count - done])
      var found: [String: String?] = [:]
      for job in report["jobs"]?.arrayValue ?? [] {
        guard let name = job["name"]?.stringValue else { continue }
        found.updateValue(job["failure"]?["code"]?.stringValue, forKey: name)
      }
      #expect(found == expected)
      let artifacts = expected.filter { $0.value == nil }.keys.filter {
        Paths.kind(of: "\(folder)/run/jobs/\($0)/\($0).loraxs") == .file
      }
      #expect(artifacts.count == done)
      print("a batch of \(Self.count), \(Self.count - done) of them broken: \(Int(seconds)) s")
    }
  }
}
