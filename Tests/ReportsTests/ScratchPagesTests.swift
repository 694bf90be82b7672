import Files
import Foundation
import JSON
import Reports
import TestSupport
import Testing

/// Pages on jobs without an adapter: no column speaks of one.
@Suite struct ScratchPagesTests {
  private func files(_ jobs: [JobRecord]) throws -> [String: String] {
    Dictionary(uniqueKeysWithValues: try Report(jobs: jobs).files().map { ($0.name, $0.text) })
  }

  @Test func noPageHasColumnsOfALoRA() throws {
    let jobs = [Samples.scratch("one"), Samples.failed("bad")]
    let pages = try files(jobs)
    let page = try #require(pages["index.html"])
    for word in [
      ">LoRA</th>", "NLL LoRA", ">Retained</th>", "As shipped", ">Smaller</th>", "LoRA rank",
      ">KL</th>",
      "<h3>Captured energy", "<h3>Bytes before",
    ] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains(">NLL base</th>") && page.contains("adapters made, 1 failed"))
    let markdown = try #require(pages["report.md"])
    #expect(
      markdown.contains(
        "| job | base | start | tuned | stored | 95% interval | NLL base | NLL stored |"))
    #expect(markdown.contains("| job | state | artifact |"))
    #expect(!markdown.contains("Captured energy") && !markdown.contains("| KL |"))
    #expect(markdown.contains("1 of 2 done, 1 failed. 115 kB of artifacts."))
    let lines = Report(jobs: jobs).terminalText.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("accuracy") && !$0.contains("LoRA") })
    #expect(lines.contains { $0.split(separator: " ") == ["size", "artifact"] })
  }

  /// Beside one that has an adapter it has its row, and no part in what adapters became.
  @Test func besideAnAdapterItsCellsAreEmpty() throws {
    let (plain, scratch) = (Samples.clinc(), Samples.scratch("one"))
    let totals = try JSONValue.parse(
      try #require(files([plain, scratch])["report.json"]))["totals"]
    let artifact = try #require(plain.sizes).artifact
    #expect(totals?["as_shipped"]?.intValue == plain.sizes?.asShipped)
    #expect(totals?["artifact"]?.intValue == 2 * artifact)
    let page = try #require(files([plain, scratch])["index.html"])
    #expect(page.contains(">NLL LoRA</th>"))
    // The ratio is that of the one adapter.
    #expect(page.contains("43.1×"))
    let text = Report(jobs: [plain, scratch]).totalsText
    #expect(
      text.contains("4.94 MB as shipped became 115 kB of artifacts, and 115 kB came from nothing"))
    let rows = try #require(files([scratch])["report.csv"]).split(separator: "\r\n")
    #expect(rows.count == 5 && rows[1].hasPrefix("one,done,,"))
    #expect(rows[1].contains(",,,114532,"))
  }

  /// Of many jobs the overview's table has no such columns either.
  @Test func theOverviewOfManyHasNone() throws {
    try withTemporaryDirectory { folder in
      try ReportWriter().write(to: folder, count: 30, threads: 2) { Samples.scratch("job-\($0)") }
      let text = String(
        decoding: try InputFile("\(folder)/index.html").readAll(limit: 1 << 24), as: UTF8.self)
      let heads = text.components(separatedBy: "<button type=\"button\">").dropFirst().map {
        $0.prefix { $0 != "<" }
      }
      #expect(heads == ["Adapter", "State", "Stored", "NLL", "Artifact"])
      #expect(!text.contains("Least energy") && !text.contains("Gain retained"))
    }
  }
}
