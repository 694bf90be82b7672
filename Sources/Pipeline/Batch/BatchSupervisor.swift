public import Faults
import Foundation

/// Runs a batch in a process of its own and goes on with another when that one dies.
///
/// A job that ends its process by a signal (out of memory, a crash in a library) cannot be caught inside it. The
/// supervisor reads from the run directory which job it was, has it recorded as failed, and starts a worker for the
/// rest: one bad adapter never stops the others (`formats/manifest.md` §9).
public struct BatchSupervisor {
  /// A job whose worker died, as it is handed to the next worker: `NAME=SIGNAL`.
  public struct Crash: Sendable, Hashable {
    /// The job.
    public var job: String
    /// The signal that ended the process.
    public var signal: Int32

    /// A crash of `job` by `signal`.
    public init(job: String, signal: Int32) {
      self.job = job
      self.signal = signal
    }

    /// Reads `NAME=SIGNAL`; nil for anything else.
    public init?(_ text: String) {
      guard let equals = text.lastIndex(of: "="), equals != text.startIndex,
        let signal = Int32(text[text.index(after: equals)...]), signal > 0
      else { return nil }
      self.init(job: String(text[..<equals]), signal: signal)
    }

    /// `NAME=SIGNAL`.
    public var description: String { "\(job)=\(signal)" }

    /// What the job's record says: a killed process most likely ran out of memory, any other signal is our bug.
    var fault: Fault {
      signal == SIGKILL
        ? Fault(
          .resources, "JOB-CRASH",
          "the worker process of job \"\(job)\" was killed, probably for memory: give it more, or fewer threads"
        )
        : Fault(
          .internalError, "JOB-CRASH",
          "the worker process of job \"\(job)\" was ended by signal \(signal)")
    }
  }

  private let runDirectory: String

  /// A supervisor of batches into `runDirectory`.
  public init(runDirectory: String) {
    self.runDirectory = runDirectory
  }

  /// Runs this program again with what `arguments` makes of the crashes so far, until a worker ends by itself.
  ///
  /// Signals that ask this process to stop are passed on. A worker's standard input is a pipe from this process
  /// and ends with it, which is how it notices that nobody waits for it any more (``BatchWorker``).
  ///
  /// - Returns: The exit code of the last worker.
  /// - Throws: `BATCH-WORKER` where a worker cannot be started, or dies outside any job.
  public func run(arguments: ([Crash]) -> [String]) throws(Fault) -> Int32 {
    let marker = BatchMarker(runDirectory: runDirectory)
    var crashes: [Crash] = []
    while true {
      let worker = try start(arguments(crashes))
      waitPassingSignals(worker)
      guard worker.terminationReason == .uncaughtSignal else { return worker.terminationStatus }
      let signal = worker.terminationStatus
      // A job that was already given up cannot be the reason again.
      guard let job = marker.job, !crashes.contains(where: { $0.job == job }) else {
        throw Fault(
          .internalError, "BATCH-WORKER", "the worker process was ended by signal \(signal)",
          path: runDirectory)
      }
      crashes.append(Crash(job: job, signal: signal))
    }
  }

  private func start(_ arguments: [String]) throws(Fault) -> Process {
    let worker = Process()
    worker.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    worker.arguments = arguments
    worker.standardInput = Pipe()
    // Swift prints pages about a crash; its job's record says what matters in a line.
    var environment = ProcessInfo.processInfo.environment
    if environment["SWIFT_BACKTRACE"] == nil { environment["SWIFT_BACKTRACE"] = "enable=no" }
    worker.environment = environment
    do {
      try worker.run()
    } catch {
      throw Fault(.internalError, "BATCH-WORKER", "the worker process did not start: \(error)")
    }
    return worker
  }

  /// Waits for the end of `worker`; the first request to stop is passed on, once.
  private func waitPassingSignals(_ worker: Process) {
    var hasPassed = false
    while worker.isRunning {
      if !hasPassed, let signal = Interruption.signal {
        kill(worker.processIdentifier, signal)
        hasPassed = true
      }
      usleep(10_000)
    }
    worker.waitUntilExit()
  }
}
