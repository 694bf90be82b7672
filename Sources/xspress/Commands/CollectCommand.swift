import ArgumentParser
import Faults
import Fleet
import JSON
import Recipes
import Reports

/// `xspress collect RUN`.
struct CollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect",
    abstract: "Accounts for every job of a planned run and writes the report.",
    discussion: """
      Exit codes: 0 where all jobs are done, 75 where some have no record yet and none failed, else that of the \
      failures.

      EXAMPLES
        xspress collect run
      """)

  @Argument(help: "The run directory.")
  var runDirectory: String

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let fleet = Fleet(run: runDirectory)
    let (_, manifest) = try RunPlan.read(fleet.run)
    let threads = try shared.threadCount(log: shared.progress)
    let results = try fleet.collect(manifest, threads: threads)
    let report = try fleet.report(results, threads: threads)
    if json {
      try StandardOutput.write(BatchResults.json(results))
    } else {
      try StandardOutput.write(BatchOutput.text(results, report, of: fleet))
    }
    if let fault = BatchResults.fault(results) { throw fault }
  }
}
