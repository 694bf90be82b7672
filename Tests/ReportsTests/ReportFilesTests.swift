import Files
import Foundation
import JSON
import Reports
import TestSupport
import Testing

private func files(_ jobs: [JobRecord]) throws -> [String: String] {
  Dictionary(uniqueKeysWithValues: try Report(jobs: jobs).files().map { ($0.name, $0.text) })
}

@Suite struct ReportFilesTests {
  /// Writes pages to look at when `XSPRESS_REPORT_SAMPLES` names a folder.
  @Test func samplePages() throws {
    let sets: [(String, [JobRecord])] = [
      ("demo", [Samples.clinc(), Samples.banking()]), ("one", [Samples.clinc()]),
      ("awkward", [Samples.awkward(), Samples.failed("bad"), Samples.banking()]),
      (
        "twelve",
        (1...12).map {
          $0 % 5 == 0 ? Samples.failed("adapter-\($0)") : Samples.clinc(name: "adapter-\($0)")
        }
      ), ("none", [Samples.failed("a"), Samples.failed("b")]), ("empty", []),
    ]
    let folder = ProcessInfo.processInfo.environment["XSPRESS_REPORT_SAMPLES"]
    for (name, jobs) in sets {
      let report = Report(jobs: jobs)
      #expect(try report.files().map(\.name).count == 5)
      if let folder { try report.write(to: "\(folder)/\(name)") }
    }
  }
}
