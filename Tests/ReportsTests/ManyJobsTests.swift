import Faults
import Files
import Foundation
import JSON
import Reports
import TestSupport
import Testing

/// Reports on more jobs than one page holds.
@Suite struct ManyJobsTests {
  private func job(_ index: Int) -> JobRecord {
    switch index % 10 {
    case 7: Samples.failed("bad-\(index)")
    case 8: Samples.rejected("short-\(index)")
    default: Samples.clinc(name: index == 3 ? "<script>alert('x')</script>" : "adapter-\(index)")
    }
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try InputFile(path).readAll(limit: 1 << 28), as: UTF8.self)
  }

  @Test func everyJobHasAPageAndARow() throws {
    try withTemporaryDirectory { folder in
      let count = 30
      try ReportWriter().write(to: folder, count: count, threads: 2) { job($0) }
      #expect(try Paths.entries(of: "\(folder)/jobs").count == count)
      let overview = try text("\(folder)/index.html")
      #expect(overview.components(separatedBy: "\n<tr class=").count == count + 1)
      #expect(overview.contains("adapters converted, 3 failed, 3 rejected"))
      #expect(!overview.contains("<script>alert") && overview.contains("&lt;script&gt;alert"))
      for word in ["<link", "@import", "src=", "url(", "http:", "https:"] {
        #expect(!overview.contains(word), "\(word)")
      }
      // One script, ours, in a page that lets no other in.
      #expect(overview.components(separatedBy: "<script").count == 2)
      #expect(overview.contains("default-src 'none'"))
      let page = try text("\(folder)/jobs/000003.html")
      #expect(page.contains("&lt;script&gt;alert") && page.contains("../index.html"))
      #expect(!page.contains("<script"))
      // The records are whole in report.json, and the tables have all of their rows.
      let report = try JSONValue.parse(Array(try text("\(folder)/report.json").utf8))
      #expect(try Report(json: report).json == Report(jobs: (0..<count).map { job($0) }).json)
      #expect(report["totals"]?["listed"]?.intValue == count)
      let rows = try text("\(folder)/report.csv").components(separatedBy: "\r\n").count - 2
      #expect(
        rows == (0..<count).reduce(0) { $0 + max(job($1).evaluation?.variants.count ?? 0, 1) })
      let modules = try text("\(folder)/modules.csv").components(separatedBy: "\r\n").count - 2
      #expect(modules == (0..<count).reduce(0) { $0 + job($1).modules.count })
      #expect(try text("\(folder)/report.md").contains("## Failures"))
    }
  }

  /// Five megabytes for ten thousand jobs, by the size of a row.
  @Test func anOverviewStaysSmall() throws {
    try withTemporaryDirectory { folder in
      func size(_ count: Int) throws -> Int {
        try ReportWriter().write(to: folder, count: count, threads: 2) { job($0 % 7) }
        return try InputFile("\(folder)/index.html").byteCount
      }
      let (few, many) = (try size(30), try size(90))
      #expect((many - few) / 60 * 10_000 + few < 5_000_000, "\(few), \(many)")
    }
  }

  @Test func theSameRecordsGiveTheSameBytes() throws {
    try withTemporaryDirectory { folder in
      for name in ["a", "b"] {
        try ReportWriter().write(to: "\(folder)/\(name)", count: 30, threads: name == "a" ? 1 : 4) {
          job($0)
        }
      }
      for file in ["index.html", "report.json", "jobs/000029.html"] {
        #expect(try text("\(folder)/a/\(file)") == text("\(folder)/b/\(file)"))
      }
    }
  }
}
