import ArgumentParser
import Files
import Fleet
import JSON
import Reports
import Tools

/// `xspress report RUN… -o DIR`.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Makes one report of one or more runs: HTML, Markdown, CSV, JSON.",
    discussion: """
      EXAMPLES
        xspress report run -o report
        xspress report run-2025 run-2026 -o report
      """)

  @Argument(help: "Run directories.")
  var runs: [String]

  @Option(name: .shortAndLong, help: "The directory to write.")
  var output: String

  @Flag(help: "Write into a directory that is not empty and holds no earlier report.")
  var force = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    try OutputPlace.checkDirectory(output, force: force || holdsReport)
    let (report, faults) = try RunReport.write(
      runs, to: output, threads: try shared.threadCount(log: shared.progress))
    if json {
      try StandardOutput.write(
        .object([
          "schema": "xspress.report-written/1", "directory": .string(output),
          "jobs": .integer(report.jobs.count), "faults": .integer(faults.count),
        ]))
    } else {
      try StandardOutput.write("\(output)/index.html")
    }
    // The report is there and says so too: a script must not take it for one without faults.
    if let fault = BatchResults.representative(of: faults) { throw fault }
  }

  /// Whether the output holds an earlier report, which may be replaced, told by how `report.json` begins.
  private var holdsReport: Bool {
    let beginning = Array("{\n  \"schema\": \"\(Report.schema)\"".utf8)
    guard let file = try? InputFile(Paths.join(output, "report.json")),
      let bytes = try? file.read(at: 0, count: min(beginning.count, file.byteCount))
    else { return false }
    return bytes == beginning
  }
}
