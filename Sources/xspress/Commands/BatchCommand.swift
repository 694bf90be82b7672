import ArgumentParser
import Faults
import JSON
import Pipeline
import Recipes
import Reports

/// `xspress batch MANIFEST -o RUN`.
struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Converts every adapter of a manifest; running it again resumes.",
    discussion: """
      EXAMPLES
        xspress batch manifest.yaml -o run
        xspress batch manifest.yaml -o run --only banking77-r16
        xspress batch manifest.yaml -o run --dry-run
      """)

  @Argument(help: "The manifest (YAML).")
  var manifest: String

  @Option(name: .shortAndLong, help: "The run directory.")
  var output: String

  @Option(help: "Run only the job of this name (repeatable).")
  var only: [String] = []

  @Flag(help: "List the jobs and do nothing.")
  var dryRun = false

  @Flag(help: "Write into a directory that holds something else.")
  var force = false

  @Flag(help: "Print one JSON document.")
  var json = false

  @Flag(help: .hidden)
  var worker = false

  @Option(help: .hidden)
  var crashed: [String] = []

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    guard dryRun || worker else { return try supervise() }
    if worker { BatchWorker.endWithSupervisor() }
    let log = shared.progress
    let runner = BatchRunner(
      manifest: try Manifest.read(manifest), runDirectory: output,
      cacheDirectory: shared.cacheDirectory, threads: try shared.threadCount(log: log),
      memory: try shared.memoryBudget(), crashes: crashed.compactMap(BatchSupervisor.Crash.init),
      log: log)
    if !dryRun { try OutputPlace.checkDirectory(output, marker: "plan.json", force: force) }
    let results = try runner.run(only: only, dryRun: dryRun)
    if json {
      try StandardOutput.write(BatchResults.json(results))
    } else {
      let rows = results.map { [$0.name, $0.state.rawValue, $0.fault?.code ?? ""] }
      let report = Report(jobs: results.compactMap(\.record))
      try StandardOutput.write(
        (report.jobs.isEmpty ? "" : report.terminalText + "\n\n")
          + TextTable.text(["job", "state", ""], rows))
    }
    try Interruption.check()
    // The promise of one error line holds for a batch too: its jobs' own lines are in the report.
    if let fault = BatchResults.fault(results) { throw fault }
  }
  /// Runs the batch in a worker process, with this command's own arguments.
  private func supervise() throws {
    let own = Array(CommandLine.arguments.dropFirst())
    let code = try BatchSupervisor(runDirectory: output).run { crashes in
      own + ["--worker"] + crashes.flatMap { ["--crashed", $0.description] }
    }
    if code != 0 { throw ExitCode(code) }
  }
}
