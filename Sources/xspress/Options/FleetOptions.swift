import ArgumentParser
import Faults
import Files
import Fleet
import Progress
import Recipes

/// Options of `batch` and `run`: who does the work.
struct FleetOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Worker processes at once, as far as memory holds them; threads are divided among them.",
      valueName: "count"))
  var workers = 1

  @Option(help: "Folder for scratch files on a local disk (default: the run).")
  var scratch: String?

  @Option(
    help: ArgumentHelp(
      "The longest that a job may take, or a group of jobs that is done together; then it fails and can be tried again.",
      valueName: "seconds"))
  var jobTime: Int?

  @OptionGroup var signing: SigningOptions

  @Option(help: "An earlier run: jobs of the same name, inputs and options are taken over.")
  var since: String?

  func validate() throws {
    guard (1...256).contains(workers) else {
      throw ValidationError("--workers must be in 1...256")
    }
    if let jobTime, !(1...100_000_000).contains(jobTime) {
      throw ValidationError("--job-time must be in 1...100000000 seconds")
    }
  }

  /// Does the jobs called `names`, a part of what is planned, in workers, and signs what they come to.
  func work(
    _ fleet: Fleet, _ plan: RunPlan, part: Shard = .whole, manifest: Manifest, names: Set<String>,
    shared: SharedOptions
  ) throws -> [JobResult] {
    // Before the work: a key that is none, or a folder that is not there, must not cost it.
    let key = try signing.key()
    if let since {
      guard Paths.kind(of: Paths.join(since, "jobs")) == .directory else {
        throw Fault(
          .missingInput, "RUN-EMPTY", "--since: has no folder jobs, as runs have", path: since)
      }
    }
    if let scratch, Paths.kind(of: scratch) != .directory {
      throw Fault(.cannotCreate, "OUT-CREATE", "--scratch: there is no such folder", path: scratch)
    }
    let style = ProgressStyle.resolved(option: shared.log, isQuiet: shared.quiet) ?? .none
    let log = ProgressLog(style: style, isQuiet: shared.quiet, hasPlaces: true)
    var words = ["work", manifest.path, "-o", fleet.run.path]
    if let folder = shared.cacheDir { words += ["--cache-dir", folder] }
    if let limit = shared.cacheLimit { words += ["--cache-limit", limit] }
    if let scratch { words += ["--scratch", scratch] }
    if let since { words += ["--since", since] }
    if let preset = manifest.preset { words += ["--preset", preset] }
    if part != .whole { words += ["--part", part.description] }
    words += ["--planned", plan.manifestDigest]
    if shared.quiet { words.append("--quiet") }
    let workers = FleetWorkers(
      count: workers, threads: try shared.threadCount(log: log), memory: try shared.memoryBudget(),
      since: since, part: part, jobSeconds: jobTime
    ) { [words] number in words + ["--worker", "\(number)"] }
    let results = try fleet.work(
      manifest.jobs.filter { names.contains($0.name) }, workers, log: log)
    if let key, !Interruption.isRequested { try fleet.sign(results, by: key) }
    return results
  }

  /// Says what has been done of the jobs called `names` where the process was asked to stop.
  ///
  /// - Throws: 75 `RUN-STOPPED` then.
  static func checkInterruption(
    _ fleet: Fleet, _ manifest: Manifest, names: Set<String>, _ worked: [JobResult], json: Bool
  ) throws(Fault) {
    let results = fleet.interrupted(manifest, known: worked).filter { names.contains($0.name) }
    guard let fault = fleet.interruption(results) else { return }
    if json { try StandardOutput.write(BatchResults.json(results)) }
    throw fault
  }
}
