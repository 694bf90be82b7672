public import Faults
import Files
import JSON

/// Writes a report on jobs whose records are read one at a time, so that memory does not grow with their details.
public struct ReportWriter {
  /// What a reader sees at the top.
  public var title: String
  /// Jobs up to this number share one page; of more each has a page of its own beside the overview.
  public static let onePageLimit = 24

  /// A writer.
  public init(title: String = "XSPress report") {
    self.title = title
  }

  /// Writes the report on `count` records into `directory`, each file replaced atomically.
  ///
  /// - Parameter record: The record of a job by its place; asked twice for each where there are many.
  /// - Returns: The report, with the records' summaries where there are many.
  /// - Throws: 73, 74 or 75 when the directory cannot be made or a file cannot be written; what `record` throws.
  @discardableResult
  public func write(
    to directory: String, count: Int, record: (Int) throws(Fault) -> JobRecord
  ) throws(Fault) -> Report {
    guard count > ReportWriter.onePageLimit else {
      var jobs: [JobRecord] = []
      for index in 0..<count { jobs.append(try record(index)) }
      let report = Report(title: title, jobs: jobs)
      try report.write(to: directory)
      return report
    }
    let pages = Paths.join(directory, "jobs")
    try Paths.makeDirectory(pages)
    var rows: [OverviewRow] = []
    var summaries: [JobRecord] = []
    let page = try JobPage()
    try AtomicFile.write(Paths.join(directory, "modules.csv")) { (modules) throws(Fault) in
      try modules.append(Array(CSVPage.moduleHeader.utf8))
      for index in 0..<count {
        try Interruption.check()
        let job = try record(index)
        try modules.append(Array(CSVPage.modules(job).utf8))
        let row = OverviewRow(job, index: index)
        try AtomicFile.write(Paths.join(directory, row.page), text: page.text(job))
        rows.append(row)
        summaries.append(job.summary)
      }
    }
    let report = Report(title: title, jobs: summaries)
    try AtomicFile.write(
      Paths.join(directory, "index.html"), text: OverviewPage(report, rows: rows).text)
    try AtomicFile.write(
      Paths.join(directory, "report.md"), text: MarkdownPage.text(report, details: false))
    try AtomicFile.write(Paths.join(directory, "report.csv"), text: CSVPage.variants(report))
    try AtomicFile.write(Paths.join(directory, "report.json")) { (sink) throws(Fault) in
      try sink.append(Array(report.jsonHead.utf8))
      for index in 0..<count {
        try sink.append(Array(((index == 0 ? "" : ",") + "\n").utf8))
        try sink.append(Array(try record(index).json.text().utf8))
      }
      try sink.append(Array("\n]}\n".utf8))
    }
    for (index, frontier) in Frontier.all(in: summaries).enumerated() {
      try AtomicFile.write(
        Paths.join(directory, Report.pictureName(index)),
        text: SVG.file(FrontierChart.svg(frontier)))
    }
    return report
  }
}
