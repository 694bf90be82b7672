import ArgumentParser
import Faults
import Foundation
import Pipeline
import Progress

/// Options of every command (`--threads`, `--memory`, `--cache-dir`, `--log`, `--quiet`).
struct SharedOptions: ParsableArguments {
  @Option(help: "Threads to use (default: the cores this process may run on).")
  var threads: Int?

  @Option(
    help:
      "Memory for decoded weights, such as 8GB (default: 80% of what is available)."
  )
  var memory: String?

  @Option(
    help:
      "Folder of caches (default: $XDG_CACHE_HOME/xspress, else ~/.cache/xspress)."
  )
  var cacheDir: String?

  @Option(
    help:
      "Progress on stderr: plain, json or none (default: a live bar on a terminal, else plain).")
  var log: String?

  @Flag(help: "No progress and no warnings.")
  var quiet = false

  func validate() throws {
    if let threads, threads < 1 {
      throw ValidationError("--threads must be at least 1")
    }
    if ProgressStyle.resolved(option: log, isQuiet: quiet) == nil {
      throw ValidationError("--log must be plain, json or none")
    }
  }

  /// The thread count in force.
  var threadCount: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }

  /// The progress log.
  var progress: ProgressLog {
    ProgressLog(
      style: ProgressStyle.resolved(option: log, isQuiet: quiet) ?? .none, isQuiet: quiet)
  }

  /// The memory budget in bytes; nil where the machine does not say what is available.
  func memoryBudget() throws(Fault) -> Int? {
    if let memory { return try ByteSize.parse(memory) }
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map {
        $0 * 1024 / 10 * 8
      }
    }
    return nil
  }

  /// The folder of caches; nil where there is no home to put it in.
  var cacheDirectory: String? {
    if let cacheDir { return cacheDir }
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["XDG_CACHE_HOME"], !folder.isEmpty { return folder + "/xspress" }
    if let home = environment["HOME"], !home.isEmpty { return home + "/.cache/xspress" }
    return nil
  }

  /// An open base, with a log of its own unless one is given.
  func session(
    base: String, pack: String? = nil, log: ProgressLog? = nil
  ) throws(Fault) -> BaseSession {
    try BaseSession(
      path: base, cacheDirectory: cacheDirectory, pack: pack, threads: threadCount,
      memory: try memoryBudget(), log: log ?? progress)
  }
}
