import ArgumentParser
import Pipeline
import Reports

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

  @OptionGroup var shared: SharedOptions

  func run() throws {
    let report = try RunReport.read(runs)
    try report.write(to: output)
    try StandardOutput.write("\(output)/index.html")
  }
}
