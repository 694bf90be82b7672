import ArgumentParser
import Faults
import Files
import Foundation
import Progress
import Ranks
import Recipes
import Sessions

/// Options of every command (`--threads`, `--memory`, `--cache-dir`, `--cache-limit`, `--log`, `--quiet`).
struct SharedOptions: ParsableArguments {
  @Option(
    help: "Threads to use, at most one a core or four (default: the cores it may run on).")
  var threads: Int?

  @Option(
    help:
      "What the process may take at its peak, file pages aside, such as 8GB (default: 80% of what is available)."
  )
  var memory: String?

  @Option(
    help:
      "Folder of caches (default: $XDG_CACHE_HOME/xspress, else ~/.cache/xspress)."
  )
  var cacheDir: String?

  @Option(
    help: "What all caches may take; the least recently used entries make room (default: 20GiB).")
  var cacheLimit: String?

  @Option(
    help:
      "Progress on stderr: plain, json or none (default: a live bar on a terminal, else plain).")
  var log: String?

  @Flag(help: "No progress and no warnings.")
  var quiet = false

  func validate() throws {
    if cacheDir?.isEmpty == true { throw ValidationError("--cache-dir is empty") }
    do throws(Fault) {
      _ = try cacheByteLimit()
    } catch {
      throw ValidationError("--cache-limit: \(error.reason)")
    }
    try CountBounds.check("threads", threads, CountBounds.threads)
    if ProgressStyle.resolved(option: log, isQuiet: quiet) == nil {
      throw ValidationError("--log must be plain, json or none")
    }
  }

  /// The thread count in force; that it is less than asked for is said in `log`.
  ///
  /// - Throws: 71 where the limits of this process do not hold one.
  func threadCount(log: ProgressLog? = nil, ranks: Ranks = .one) throws(Fault) -> Int {
    let cores = ProcessLimits.cores
    let wanted = threads ?? max(cores / ranks.countOnCores, 1)
    let count = try ProcessLimits.threads(wanted: wanted, cores: cores)
    if count < wanted {
      log?.note(
        "\(count) threads instead of \(wanted): what the cores and limits of this process allow")
    }
    return count
  }

  /// The progress log.
  var progress: ProgressLog {
    ProgressLog(
      style: ProgressStyle.resolved(option: log, isQuiet: quiet) ?? .none, isQuiet: quiet)
  }

  /// The memory budget in bytes, of one process; nil where the machine does not say what is available.
  func memoryBudget(ranks: Ranks = .one) throws(Fault) -> Int? {
    if let memory { return try ByteSize.parse(memory) }
    return ProcessLimits.availableMemory.map { $0 / 10 * 8 / ranks.countOnHost }
  }

  /// What all caches may take, in bytes.
  func cacheByteLimit() throws(Fault) -> Int {
    guard let cacheLimit else { return CacheDirectory.defaultByteLimit }
    return try ByteSize.parse(cacheLimit)
  }

  /// The folder of caches; nil where there is no home to put it in.
  var cacheDirectory: String? {
    if let cacheDir { return cacheDir }
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["XDG_CACHE_HOME"], !folder.isEmpty { return folder + "/xspress" }
    if let home = environment["HOME"], !home.isEmpty { return home + "/.cache/xspress" }
    return nil
  }

  /// An open base, with a log of its own unless one is given; of several ranks the first one's is seen.
  func session(
    base: String, pack: String? = nil, log: ProgressLog? = nil, ranks: Ranks = .one
  ) throws(Fault) -> BaseSession {
    let log = ranks.isFirst ? log ?? progress : ProgressLog(style: .none, isQuiet: true)
    return try BaseSession(
      path: base, cacheDirectory: cacheDirectory, cacheLimit: try cacheByteLimit(), pack: pack,
      threads: try threadCount(log: log, ranks: ranks), memory: try memoryBudget(ranks: ranks),
      log: log, ranks: ranks)
  }
}
