import ArgumentParser
import Faults
import Files
import Fleet
import Pipeline
import Recipes

/// Options of `batch` and `run`: who does the work.
struct FleetOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Worker processes; threads and memory are divided among them.", valueName: "count"))
  var workers = 1

  @Option(help: "Folder for scratch files on a local disk (default: the run).")
  var scratch: String?

  @Option(help: "An earlier run: jobs of the same name, inputs and options are taken over.")
  var since: String?

  func validate() throws {
    guard (1...256).contains(workers) else {
      throw ValidationError("--workers must be in 1...256")
    }
  }

  /// Does the jobs of `parts` in one worker each.
  func work(
    _ fleet: Fleet, manifest: Manifest, parts: [[String]], shared: SharedOptions
  ) throws -> [JobResult] {
    let log = shared.progress
    let count = max(parts.count, 1)
    let threads = max(try shared.threadCount(log: log) / count, 1)
    let memory = try shared.memoryBudget().map { $0 / count }
    var words = ["work", manifest.path, "-o", fleet.run.path, "--threads", "\(threads)"]
    if let memory { words += ["--memory", "\(memory)B"] }
    if let folder = shared.cacheDir { words += ["--cache-dir", folder] }
    if let scratch { words += ["--scratch", scratch] }
    if let since { words += ["--since", since] }
    if shared.quiet { words.append("--quiet") }
    // Several live lines would write over each other.
    if let style = shared.log ?? (count > 1 ? "plain" : nil) { words += ["--log", style] }
    return try fleet.work(parts) { [words] number in words + ["--worker", "\(number)"] }
  }

  /// Says what has been done of the jobs called `names` where the process was asked to stop, and how to go on.
  ///
  /// - Throws: 75 `RUN-STOPPED` then.
  static func checkInterruption(
    _ fleet: Fleet, _ manifest: Manifest, names: Set<String>, _ worked: [JobResult], json: Bool
  ) throws(Fault) {
    let results = fleet.interrupted(manifest, known: worked).filter { names.contains($0.name) }
    guard let fault = fleet.interruption(results, command: CommandLineText.own) else { return }
    if json { try StandardOutput.write(BatchResults.json(results)) }
    throw fault
  }

  /// The parts of `names` for the workers: neighbours of the plan stay together.
  func parts(_ plan: RunPlan, names: Set<String>, shard: Shard = .whole) -> [[String]] {
    let count = min(workers, max(names.count, 1))
    let own = plan.names(of: shard).filter(names.contains)
    return (0..<count).map { index in
      Array(own[own.count * index / count..<own.count * (index + 1) / count])
    }
  }
}
