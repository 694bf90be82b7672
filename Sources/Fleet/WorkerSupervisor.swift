import Faults
import Foundation
import JSON

/// Runs jobs in a process of its own and goes on with another when that one dies.
///
/// A job that ends its process by a signal (out of memory, a crash in a library) cannot be caught inside it. The
/// supervisor reads from the run directory which jobs it was at: a single one is recorded as failed, of several each half
/// is tried again, and another worker does the rest. One bad adapter never stops the others (`formats/manifest.md` §9).
struct WorkerSupervisor: Sendable {
  let marker: RunMarker
  /// The command line of a worker.
  let arguments: [String]

  /// Does `jobs`; every result is handed to `report` when it is known.
  ///
  /// Signals that ask this process to stop are passed on. A worker's standard input is a pipe from this process
  /// and ends with it, which is how it notices that nobody waits for it any more (``WorkerProcess``).
  ///
  /// - Throws: `BATCH-WORKER` where a worker cannot be started, or dies outside any job; the fault that it ended with.
  func run(_ jobs: [String], report: (JobResult) -> Void) throws(Fault) {
    var order = WorkerOrder(jobs: jobs)
    while true {
      let worker = try Worker(arguments: arguments, order: order)
      var done: Set<String> = []
      worker.forEachResult {
        done.insert($0.name)
        report($0)
      }
      order.jobs.removeAll { done.contains($0) }
      // A worker that could not stop in time was ended: what it was at is left undone, and nobody's fault.
      if Interruption.isRequested {
        marker.clear()
        return
      }
      if let fault = worker.fault { throw fault }
      guard let signal = worker.signal else {
        guard worker.status == 0 else {
          throw Fault(
            .internalError, "BATCH-WORKER",
            "the worker process ended with exit code \(worker.status)")
        }
        return
      }
      let running = marker.jobs.filter { !done.contains($0) }
      marker.clear()
      if let job = running.first, running.count == 1,
        !order.crashes.contains(where: { $0.job == job })
      {
        order.crashes.append(WorkerCrash(job: job, signal: signal))
      } else if running.count > 1 {
        order.suspects.removeAll { !Set($0.jobs).isDisjoint(with: running) }
        order.suspects.append(
          WorkerOrder.Suspects(jobs: running, limit: (running.count + 1) / 2))
      } else {
        // A job that was already given up cannot be the reason again.
        throw Fault(
          .internalError, "BATCH-WORKER", "the worker process was ended by signal \(signal)")
      }
    }
  }
}

/// One worker process.
private final class Worker {
  private let process = Process()
  private let output = Pipe()
  private let input = Pipe()
  private var hasPassedSignal = false
  /// Why it ended before its order was done, if it said so.
  private(set) var fault: Fault?

  init(arguments: [String], order: WorkerOrder) throws(Fault) {
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    // Swift prints pages about a crash; its job's record says what matters in a line.
    var environment = ProcessInfo.processInfo.environment
    if environment["SWIFT_BACKTRACE"] == nil { environment["SWIFT_BACKTRACE"] = "enable=no" }
    process.environment = environment
    do {
      try process.run()
      try output.fileHandleForWriting.close()
      try input.fileHandleForWriting.write(contentsOf: Data((order.json.text() + "\n").utf8))
    } catch {
      throw Fault(.internalError, "BATCH-WORKER", "the worker process did not start: \(error)")
    }
  }

  /// The signal that ended the process, if one did.
  var signal: Int32? {
    process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil
  }

  /// The exit code.
  var status: Int32 { process.terminationStatus }

  /// Reads results until the process has ended; the first request to stop is passed on, once.
  func forEachResult(_ body: (JobResult) -> Void) {
    let descriptor = output.fileHandleForReading.fileDescriptor
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      passSignal()
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 20) > 0 else { continue }
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      pending += buffer.prefix(count)
      while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        if let value = try? JSONValue.parse(Array(pending[..<end])) {
          if let ended = value["ended"] {
            fault = try? Fault(json: JSONField(ended, code: "BATCH-WORKER"))
          } else if let result = try? JobResult(line: value) {
            body(result)
          }
        }
        pending.removeSubrange(...end)
      }
    }
    while process.isRunning {
      passSignal()
      usleep(5_000)
    }
    process.waitUntilExit()
  }

  private func passSignal() {
    if !hasPassedSignal, let signal = Interruption.signal {
      kill(process.processIdentifier, signal)
      hasPassedSignal = true
    }
  }
}
