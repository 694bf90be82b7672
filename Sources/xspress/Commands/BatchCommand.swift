import ArgumentParser
import Faults
import Files
import Fleet
import JSON
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
        xspress batch manifest.yaml -o run --preset small
        xspress batch manifest.yaml -o run --sign key.pem
      """)

  @Argument(help: "The manifest (YAML).")
  var manifest: String

  @Option(help: "The manifest's preset of this name: other bases and defaults.")
  var preset: String?

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

  @OptionGroup(title: "Workers") var fleet: FleetOptions
  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let manifest = try Manifest.read(manifest, preset: preset)
    let chosen = Set(try manifest.jobs(only: only).map(\.name))
    if dryRun { return try list(manifest, chosen) }
    try OutputPlace.checkDirectory(output, marker: "plan.json", force: force)
    let target = Fleet(run: output)
    try target.prepare(manifest)
    // Before the plan: that of a run which another process is at stays.
    let lock = try OutputLock(output)
    defer { withExtendedLifetime(lock) {} }
    let plan = try target.plan(manifest)
    _ = try AtomicFile.removeLeftovers(in: output)
    let worked = try fleet.work(
      target, plan, manifest: manifest, names: chosen, shared: shared)
    try FleetOptions.checkInterruption(target, manifest, names: chosen, worked, json: json)
    let threads = try shared.threadCount()
    let results = try target.results(manifest, known: worked, threads: threads)
    let report = try target.report(results, threads: threads)
    if json {
      try StandardOutput.write(BatchResults.json(results))
    } else {
      try StandardOutput.write(BatchOutput.text(results, report, of: target))
    }
    // The promise of one error line holds for a batch too: its jobs' own lines are in the report.
    if let fault = BatchResults.fault(results) { throw fault }
  }

  /// Says what would be done (`--dry-run`).
  private func list(_ manifest: Manifest, _ chosen: Set<String>) throws {
    let results = manifest.jobs.map {
      JobResult(
        name: $0.name, state: chosen.contains($0.name) ? .planned : .skipped, recipe: $0.recipe)
    }
    if json {
      try StandardOutput.write(BatchResults.json(results))
    } else {
      // Whether nothing has changed since takes the digests of all inputs: the run itself looks.
      let before = try Fleet(run: output).results(manifest, threads: try shared.threadCount())
      let rows = zip(results, before).map { result, before in
        [
          result.name, result.state.rawValue,
          before.record?.state == .done ? "done before, left unless it has changed" : "",
        ]
      }
      try StandardOutput.write(TextTable.text(["job", "state", ""], rows))
    }
  }
}
