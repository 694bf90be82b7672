import Files
import Foundation
import FoundationXML
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
      ("frontier", Samples.frontier()),
    ]
    let folder = ProcessInfo.processInfo.environment["XSPRESS_REPORT_SAMPLES"]
    for (name, jobs) in sets {
      let report = Report(jobs: jobs)
      #expect(try report.files().map(\.name).count == (name == "frontier" ? 6 : 5))
      if let folder { try report.write(to: "\(folder)/\(name)") }
    }
  }

  /// Counted apart from failures, with what was reached, on every page.
  @Test func rejectedJobsAreCountedApart() throws {
    let jobs = [Samples.clinc(), Samples.failed("bad"), Samples.rejected("short")]
    let pages = try files(jobs)
    let reached = "0.962 (95% interval 0.910 to 0.990) on 64 rows with rank 16x4"
    #expect(try #require(pages["report.md"]).contains("1 of 3 done, 1 failed, 1 rejected."))
    #expect(try #require(pages["report.md"]).contains("Rejected with exit code 65"))
    let page = try #require(pages["index.html"])
    #expect(page.contains("adapters converted, 1 failed, 1 rejected"))
    #expect(page.contains("<span class=\"tag bad\">rejected</span>") && page.contains(reached))
    #expect(try #require(pages["report.csv"]).contains("short,rejected,"))
    let totals = try JSONValue.parse(try #require(pages["report.json"]))["totals"]
    #expect(["failed", "rejected"].map { totals?[$0]?.intValue } == [1, 1])
    let terminal = Report(jobs: jobs).terminalText
    #expect(terminal.contains("rejected: short: ") && terminal.contains("1 failed, 1 rejected"))
  }

  /// A LoRA that was kept is no failure: its own bytes count, and why it was kept is said.
  @Test func keptAdaptersCountAsTheyAre() throws {
    let jobs = [Samples.clinc(), Samples.kept("stays")]
    let pages = try files(jobs)
    let why = "stays the LoRA that it is: retained gain 0.962"
    let markdown = try #require(pages["report.md"])
    #expect(markdown.contains("1 of 2 done, 1 kept as LoRA.") && markdown.contains(why))
    let page = try #require(pages["index.html"])
    #expect(page.contains("<span class=\"tag even\">kept</span>") && page.contains(why))
    #expect(!page.contains("tag bad"))
    #expect(try #require(pages["report.csv"]).contains("stays,kept,"))
    let totals = try JSONValue.parse(try #require(pages["report.json"]))["totals"]
    let sizes = try #require(Samples.clinc().sizes)
    #expect(totals?["kept"]?.intValue == 1)
    #expect(totals?["artifact"]?.intValue == sizes.artifact + 5000)
    #expect(Report(jobs: jobs).terminalText.contains("kept: stays: " + why))
  }

  /// Where nothing was measured there are no columns of dashes.
  @Test func columnsOfAccuracyStandWhereThereIsAny() throws {
    let measured = try #require(try files([Samples.clinc(), Samples.kept("a")])["index.html"])
    let plain = try #require(try files([Samples.kept("a"), Samples.kept("b")])["index.html"])
    for (page, isThere) in [(measured, true), (plain, false)] {
      let summary = try #require(
        page.components(separatedBy: "<h2>Summary</h2>").last?
          .components(separatedBy: "</table>").first)
      #expect(summary.contains(">NLL stored</th>") == isThere)
      let rows = summary.components(separatedBy: "<tr>").dropFirst(2)
      #expect(rows.count == 2)
      for row in rows {
        #expect(row.components(separatedBy: "<td").count - 1 == (isThere ? 12 : 5))
      }
    }
  }

  /// Of numbers none is right or wrong: their correlation stands where accuracy does, and nothing is missing.
  @Test func numbersAreJudgedByTheirCorrelation() throws {
    var job = Samples.clinc()
    for index in job.evaluation?.variants.indices ?? 0..<0 {
      job.evaluation?.variants[index].accuracy = .nan
      job.evaluation?.variants[index].accuracyCI95 = nil
      job.evaluation?.variants[index].correlation = CorrelationFigures(
        pearson: 0.87, pearsonCI95: 0.81...0.92, spearman: 0.86, spearmanCI95: nil)
    }
    let pages = try files([job])
    let (html, markdown) = (try #require(pages["index.html"]), try #require(pages["report.md"]))
    for page in [html, markdown] {
      #expect(page.contains("r 0.870") && page.contains("0.810 to 0.920"))
      #expect(!page.contains("not finite") && !page.contains("nan%"))
    }
    #expect(try #require(pages["report.csv"]).contains(",0.87,0.81,0.92,0.86,"))
  }

  /// A smaller report leaves no page or picture of a larger one.
  @Test func nothingOfAnEarlierReportStays() throws {
    try withTemporaryDirectory { folder in
      let writer = ReportWriter()
      let many = (0..<30).map { Samples.clinc(name: "job-\($0)") }
      try writer.write(to: folder, count: 30, threads: 1) { many[$0] }
      try writer.write(to: folder, count: 26, threads: 1) { many[$0] }
      #expect(try Paths.entries(of: "\(folder)/jobs").count == 26)
      let frontier = Samples.frontier()
      try writer.write(to: folder, count: frontier.count, threads: 1) { frontier[$0] }
      #expect(try Paths.entries(of: "\(folder)/jobs").isEmpty)
      #expect(Paths.kind(of: "\(folder)/frontier-1.svg") == .file)
      try writer.write(to: folder, count: 1, threads: 1) { _ in many[0] }
      #expect(Paths.kind(of: "\(folder)/frontier-1.svg") == .missing)
    }
  }

  @Test func oneAdapterAtSeveralSizesIsAFrontier() throws {
    let jobs = Samples.frontier()
    let pages = try files(jobs + [Samples.banking()])
    let markdown = try #require(pages["report.md"])
    #expect(markdown.components(separatedBy: "## Accuracy for bytes: ").count == 2)
    let rows = markdown.split(separator: "\n").filter { $0.hasPrefix("| LoRA-XS, as stored | ") }
    #expect(
      rows.map { $0.split(separator: "|")[1].trimmingCharacters(in: .whitespaces) } == [
        "32,000", "63,999", "127,997", "127,998", "255,996",
      ])
    // Its picture is a document of its own, and the tables show it.
    let picture = try #require(pages["frontier-1.svg"])
    #expect(picture.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox="))
    #expect(picture.contains("</style>") && XMLParser(data: Data(picture.utf8)).parse())
    #expect(markdown.contains("](frontier-1.svg)"))
    // Where one artifact has a residual, it is another series.
    var mixed = jobs
    mixed[0].evaluation?.variants[2].name = "as stored (int8 + residual)"
    let table = try #require(files(mixed)["report.md"])
    #expect(table.components(separatedBy: "| LoRA-XS, as stored |").count == 5)
    #expect(table.contains("| LoRA-XS + residual, as stored | 32,000 |"))
    // Measured by every job alike, shown once.
    #expect(markdown.components(separatedBy: "| LoRA cut | 306,120 |").count == 2)
    #expect(try #require(pages["index.html"]).contains("Accuracy for bytes: clinc-domains-r8"))
    #expect(try !#require(files([jobs[0]])["report.md"]).contains("Accuracy for bytes"))
    var others = jobs
    for index in others.indices { others[index].adapter?.sha256 = "\(index)" }
    #expect(try !#require(files(others)["report.md"]).contains("Accuracy for bytes"))
    // Nor is a curve drawn through two bases, or traps anything on figures that no work comes to.
    var onOthers = jobs
    for index in onOthers.indices { onOthers[index].base?.sha256 = "\(index)" }
    #expect(try !#require(files(onOthers)["report.md"]).contains("Accuracy for bytes"))
    for (bytes, nll) in [(Int.max, 1e200), (1, 1e-300), (Int.max, Double.leastNonzeroMagnitude)] {
      var huge = jobs
      huge[0].evaluation?.variants[2].bytes = bytes
      huge[0].evaluation?.variants[2].nll = nll
      huge[1].evaluation?.variants[2].nll = .greatestFiniteMagnitude
      #expect(try #require(files(huge)["index.html"]).contains("Accuracy for bytes"))
    }
    var broken = jobs
    broken[0].evaluation?.variants[2].accuracy = .nan
    broken[1].evaluation?.variants[2].nll = .infinity
    #expect(try #require(files(broken)["index.html"]).contains("Accuracy for bytes"))
  }

  @Test func theSameRecordsGiveTheSameBytes() throws {
    let jobs = [Samples.clinc(), Samples.banking()]
    #expect(try files(jobs) == files(jobs))
  }

  @Test func aPageStandsAlone() throws {
    let page = try #require(files([Samples.clinc(), Samples.awkward()])["index.html"])
    for word in ["<script", "<link", "@import", "src=", "url(", "http:", "https:", "{{"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"))
    // A quote joined to an accent is one grapheme; it must be escaped all the same.
    #expect(page.contains("&quot;q&quot;\u{301}"))
    #expect(page.contains("\\u{1b}[31m\\u{202e}\\u{a}"))
    let unwanted = page.unicodeScalars.filter { $0.value < 32 && $0 != "\n" || $0 == "\u{202e}" }
    #expect(unwanted.isEmpty)
  }

  @Test func namesCannotBreakTables() throws {
    let files = try files([Samples.awkward(), Samples.failed("bad")])
    let markdown = try #require(files["report.md"])
    #expect(markdown.contains("&lt;script&gt;"))
    #expect(!markdown.contains("<"))
    for line in markdown.split(separator: "\n") where line.hasPrefix("| ") {
      let bars = line.unicodeScalars.indices.filter {
        line.unicodeScalars[$0] == "|"
          && ($0 == line.startIndex
            || line.unicodeScalars[line.unicodeScalars.index(before: $0)] != "\\")
      }
      #expect([5, 8, 10, 11].contains(bars.count), "\(line)")
    }
    let table = try #require(files["report.csv"])
    let rows = table.split(separator: "\r\n")
    // A header, two variants of one job, and the failed job's own row.
    #expect(rows.count == 4)
    #expect(rows[2].contains("'=1+1"))
    #expect(rows[3].hasPrefix("bad,failed,"))
    #expect(rows[3].contains("AD-TENSOR"))
    #expect(!table.contains("\u{1b}"))
  }

  @Test func figuresThatAreNotFiniteShowAsNan() throws {
    let files = try files([Samples.awkward()])
    #expect(files["report.csv"]?.contains(",nan,") == true)
    #expect(files["modules.csv"]?.contains(",nan,") == true)
    #expect(files["report.md"]?.contains("1 figures are not finite") == true)
    let json = try JSONValue.parse(try #require(files["report.json"]))
    #expect(json["totals"]?["left_out"]?.intValue == 1)
  }

  @Test func everyJobIsCountedOnce() throws {
    let jobs = [
      Samples.clinc(), Samples.failed("a"), JobRecord(name: "b", state: .skipped),
      Samples.banking(),
    ]
    let json = Report(jobs: jobs).json
    let totals = try #require(json["totals"])
    #expect(
      ["listed", "done", "failed", "skipped"].map { totals[$0]?.intValue } == [4, 2, 1, 1])
    #expect(totals["as_shipped"]?.intValue == 4_938_648 + 9_823_640)
    #expect(try Report(json: json).json == json)
  }

  @Test func noSuccessStillGivesAReport() throws {
    let files = try files([Samples.failed("a"), Samples.failed("b")])
    #expect(files["index.html"]?.contains("0 of 2") == true)
    #expect(files["report.md"]?.contains("0 of 2 done, 2 failed.") == true)
    // Nothing was measured: no table of dashes.
    #expect(files["report.md"]?.contains("## Accuracy") == false)
    #expect(Report(jobs: []).terminalText.hasPrefix("size"))
    #expect(Report(jobs: [Samples.failed("a")]).terminalText.hasPrefix("size"))
  }

  @Test func theTerminalTablesAreAligned() throws {
    let text = Report(jobs: [Samples.clinc(), Samples.banking(), Samples.failed("bad")])
      .terminalText
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0].hasPrefix("accuracy "))
    #expect(lines[0].count == lines[1].count && lines[1].count == lines[2].count)
    #expect(lines.contains { $0.hasPrefix("size ") })
    #expect(
      lines.contains {
        $0.hasPrefix("clinc-domains-r8: The control wins: LoRA cut to rank 1, int4 is better than")
      })
    #expect(text.contains("1 failed") && text.contains("AD-TENSOR"))
    #expect(lines[1].contains("85.3–91.5%"))
    #expect(!Report(jobs: [Samples.awkward()]).terminalText.contains("\u{1b}"))
  }

  @Test func verdictsFollowTheNLL() throws {
    let markdown = try #require(files([Samples.clinc()])["report.md"])
    #expect(markdown.contains("- stored int8 is better than top directions, tuned: NLL 0.7720"))
    #expect(markdown.contains("- No difference shown between zero start, tuned and stored int8"))
    // Without an interval nothing is decided, however far apart the figures are.
    #expect(markdown.contains("- No difference shown between random bases, tuned and stored int8"))
    #expect(markdown.contains("the difference in NLL has no interval"))
    #expect(
      markdown.contains("difference in NLL -0.5600 to -0.3400, McNemar"))
    #expect(markdown.contains("one of 4 comparisons (Holm)"))
    #expect(markdown.contains("- The control wins: LoRA cut to rank 1, int4 is better than stored"))
  }

  /// p = 0.02 would do for one comparison, not for the smallest of four.
  @Test func severalControlsNeedMoreThanOne() throws {
    var job = Samples.clinc()
    let last = try #require(job.evaluation?.pairs.indices.last)
    job.evaluation?.pairs[last].nllP = 0.02
    #expect(
      try #require(files([job])["report.md"]).contains("No difference shown between LoRA cut"))
    for index in 5...7 { job.evaluation?.variants[index].kind = .tuned }
    #expect(try #require(files([job])["report.md"]).contains("The control wins: LoRA cut"))
  }

  @Test func aControlOfOtherSizeSaysSo() throws {
    var job = Samples.clinc()
    let last = try #require(job.evaluation?.variants.indices.last)
    job.evaluation?.variants[last].bytes = 305_280
    let markdown = try #require(files([job])["report.md"])
    #expect(markdown.contains("is better than stored int8, the control at 2.67× the bytes: NLL"))
  }

  @Test func writingReplacesAndCreates() throws {
    try withTemporaryDirectory { folder in
      let target = "\(folder)/a/report"
      try Report(jobs: [Samples.failed("x")]).write(to: target)
      try Report(jobs: [Samples.clinc()]).write(to: target)
      #expect(
        try Paths.entries(of: target)
          == ["index.html", "modules.csv", "report.csv", "report.json", "report.md"])
      let page = try InputFile("\(target)/report.md").readAll(limit: 1 << 20)
      #expect(String(decoding: page, as: UTF8.self).contains("clinc-domains-r8"))
    }
  }
}
