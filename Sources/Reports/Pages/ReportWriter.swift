public import Faults
import Files
import JSON
import Threads

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

  /// Jobs that are read and shown at once.
  private static let atOnce = 64

  /// Writes the report on `count` records into `directory`, each file replaced atomically.
  ///
  /// - Parameters:
  ///   - threads: Threads that read records and make pages; the bytes do not depend on them.
  ///   - record: The record of a job by its place; asked twice for each where there are many.
  /// - Returns: The report, with the records' summaries where there are many.
  /// - Throws: 73, 74 or 75 when the directory cannot be made or a file cannot be written; what `record` throws.
  @discardableResult
  public func write(
    to directory: String, count: Int, threads: Int,
    record: @Sendable (Int) throws(Fault) -> JobRecord
  ) throws(Fault) -> Report {
    guard count > ReportWriter.onePageLimit else {
      var jobs: [JobRecord] = []
      for index in 0..<count { jobs.append(try record(index)) }
      let report = Report(title: title, jobs: jobs)
      try report.write(to: directory)
      removeEarlier(from: directory, pages: 0, pictures: Frontier.all(in: jobs).count)
      return report
    }
    let pages = Paths.join(directory, "jobs")
    try Paths.makeDirectory(pages)
    for folder in [directory, pages] { try AtomicFile.removeLeftovers(in: folder) }
    let (report, overview) = try writeJobs(to: directory, count: count, threads: threads, record)
    try AtomicFile.write(Paths.join(directory, "index.html"), text: overview.text)
    try AtomicFile.write(
      Paths.join(directory, "report.md"), text: MarkdownPage.text(report, details: false))
    try AtomicFile.write(Paths.join(directory, "report.csv"), text: CSVPage.variants(report))
    try AtomicFile.write(Paths.join(directory, "report.json")) { (sink) throws(Fault) in
      try sink.append(Array(report.jsonHead.utf8))
      try ReportWriter.forEach(count, threads: threads) { (index) throws(Fault) in
        Array(((index == 0 ? "" : ",") + "\n").utf8) + Array(try record(index).json.text().utf8)
      } then: { (lines) throws(Fault) in
        for line in lines { try sink.append(line) }
      }
      try sink.append(Array("\n]}\n".utf8))
    }
    let frontiers = Frontier.all(in: report.jobs)
    for (index, frontier) in frontiers.enumerated() {
      try AtomicFile.write(
        Paths.join(directory, Report.pictureName(index)),
        text: SVG.file(FrontierChart.svg(frontier)))
    }
    removeEarlier(from: directory, pages: count, pictures: frontiers.count)
    return report
  }

  /// Removes what a report on more jobs has left here: pages and pictures that are numbered on.
  private func removeEarlier(from directory: String, pages: Int, pictures: Int) {
    func remove(_ first: Int, _ name: (Int) -> String) {
      var index = first
      while Paths.kind(of: Paths.join(directory, name(index))) == .file {
        Paths.removeIfPresent(Paths.join(directory, name(index)))
        index += 1
      }
    }
    remove(pictures, Report.pictureName)
    remove(pages, OverviewRow.page)
  }

  /// What one job comes to.
  private struct Part: Sendable {
    var row: OverviewRow
    var summary: JobRecord
    var modules: [ModuleRecord]
    var moduleRows: [UInt8]
    var page: AtomicFile.Content
  }

  /// Writes the pages of all jobs and `modules.csv`.
  private func writeJobs(
    to directory: String, count: Int, threads: Int,
    _ record: @Sendable (Int) throws(Fault) -> JobRecord
  ) throws(Fault) -> (report: Report, overview: OverviewPage) {
    var rows: [OverviewRow] = []
    var summaries: [JobRecord] = []
    var energies = EnergyMeans()
    let page = try JobPage()
    try AtomicFile.write(Paths.join(directory, "modules.csv")) { (modules) throws(Fault) in
      try modules.append(Array(CSVPage.moduleHeader.utf8))
      try ReportWriter.forEach(count, threads: threads) { (index) throws(Fault) in
        let job = try record(index)
        let row = OverviewRow(job, index: index)
        return Part(
          row: row, summary: job.summary, modules: job.modules,
          moduleRows: Array(CSVPage.modules(job).utf8),
          page: (Paths.join(directory, row.page), Array(page.text(job).utf8)))
      } then: { (parts) throws(Fault) in
        for written in AtomicFile.write(parts.map(\.page)) { _ = try written.get() }
        for part in parts {
          try modules.append(part.moduleRows)
          energies.add(part.modules)
          rows.append(part.row)
          summaries.append(part.summary)
        }
      }
    }
    let report = Report(title: title, jobs: summaries)
    return (report, OverviewPage(report, rows: rows, energies: energies))
  }

  /// Makes something of every index and takes it in order, some of them at once.
  private static func forEach<Item: Sendable>(
    _ count: Int, threads: Int, _ make: @Sendable (Int) throws(Fault) -> Item,
    then take: ([Item]) throws(Fault) -> Void
  ) throws(Fault) {
    for first in stride(from: 0, to: count, by: atOnce) {
      try take(
        parallelMap(min(atOnce, count - first), threads: threads) { (index) throws(Fault) in
          try make(first + index)
        })
    }
  }
}
