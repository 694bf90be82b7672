import Faults
import Files
import Foundation
import JSON
import Progress
import Recipes
import Synchronization

/// Has groups of jobs done by a process of its own, one after another, and goes on with another process when that one dies.
///
/// A job that ends its process (out of memory, a crash in a library) cannot be caught inside it. The
/// supervisor reads from the run directory which jobs it was at: a single one is recorded as failed, of several each half
/// is tried again, and another worker does the rest. One bad adapter never stops the others (`formats/manifest.md` §9).
struct WorkerSupervisor: Sendable {
  /// Which worker.
  let slot: Int
  let marker: RunMarker
  /// The command line of a worker.
  let arguments: [String]
  let admission: Admission
  let processes: WorkerTable
  let log: ProgressLog

  /// An idle worker is let go of after so many looks for work, a twentieth of a second apart: what it holds may be what
  /// others wait for.
  private static let patience = 20

  /// Does what is admitted until nothing is left; every result is handed to `report` when it is known.
  ///
  /// Signals that ask this process to stop are passed on. A worker's standard input is a pipe from this process
  /// and ends with it, which is how it notices that nobody waits for it any more (``WorkerProcess``).
  ///
  /// - Throws: `BATCH-WORKER` where a worker cannot be started, or dies outside any job; the fault that it ended with.
  func run(report: (JobResult) -> Void) throws(Fault) {
    var worker: Worker?
    var (base, idle): (String?, Int) = (nil, 0)
    defer {
      worker?.end()
      processes.set(slot, nil)
    }
    while !Interruption.isRequested && !processes.hasFailed {
      switch admission.next(slot, base: base, usage: processes.usage) {
      case .done: return
      case .wait:
        usleep(50_000)
        idle += 1
        if idle == WorkerSupervisor.patience, worker != nil {
          worker?.end()
          (worker, base) = (nil, nil)
          processes.set(slot, nil)
        }
      case .grant(let grant):
        idle = 0
        if let shortage = grant.shortage {
          log.relay(
            "\(grant.group.plans.first?.name ?? ""): expected to need \(grant.estimate) bytes, \(shortage) more than "
              + "there are; it runs alone: MEM-ESTIMATE", isWarning: true)
        }
        let active: Worker
        if let worker {
          active = worker
        } else {
          active = try Worker(arguments: arguments)
          worker = active
          processes.set(slot, active.identifier)
        }
        base = grant.group.base
        if try !work(grant, by: active, report: report) {
          worker = nil
          base = nil
          processes.set(slot, nil)
        }
      }
    }
  }

  /// Has a group done; whether the worker is there for another one.
  private func work(
    _ grant: Admission.Grant, by worker: Worker, report: (JobResult) -> Void
  ) throws(Fault) -> Bool {
    var order = WorkerOrder(jobs: grant.group.plans.map(\.name))
    order.isStacked = grant.group.isStacked
    order.hasMore = grant.hasMore
    order.crash = grant.group.crash
    order.threads = grant.threads
    order.memory = grant.memory
    let shown = WorkerLog(log, place: slot, grant.group)
    var done: [String: JobResult.State] = [:]
    var peak: Int?
    let isIdle = worker.run(order) { result in
      done[result.name] = result.state
      if let found = result.peak { peak = max(peak ?? 0, found) }
      shown.advance()
      report(result)
    } log: {
      shown.show($0)
    }
    shown.finish(WorkerSupervisor.summary(done.values))
    // What it was at as far as it is not done, before others are let in.
    var left: [JobGroup] = []
    let (end, isAccompanied) = (worker.status, admission.isAccompanied(slot))
    // A worker that could not stop in time was ended: what it was at is left undone, and nobody's fault.
    if !isIdle, !Interruption.isRequested {
      left = try leftBehind(grant, end, worker.fault, done, isAccompanied: isAccompanied)
    }
    if !isIdle { marker.clear() }
    admission.putBack(left)
    admission.finish(slot, peak: peak)
    return isIdle
  }

  /// What is to be done of the group of a worker that died.
  private func leftBehind(
    _ grant: Admission.Grant, _ end: WorkerEnd, _ fault: Fault?, _ done: [String: JobResult.State],
    isAccompanied: Bool
  ) throws(Fault) -> [JobGroup] {
    if let fault { throw fault }
    // Asked to stop by somebody else it has said so of its jobs.
    if end == .exit(0) { return [] }
    guard end.isCrash else {
      throw Fault(.internalError, "BATCH-WORKER", "the worker process ended early: \(end)")
    }
    let names = Set(marker.jobs).subtracting(done.keys)
    var rest = grant.group
    rest.plans.removeAll { done[$0.name] != nil }
    // Outside of any job, or at one that was already given up: no job can be the reason.
    guard !names.isEmpty, grant.group.crash == nil else {
      throw Fault(
        end.isForMemory ? .resources : .internalError, "BATCH-WORKER",
        "the worker process was ended by \(end)")
    }
    // Beside others it may have been their memory: once more, without them.
    if end.isForMemory, isAccompanied, !rest.isAlone {
      rest.isAlone = true
      log.relay(
        "\(rest.plans.first?.name ?? ""): the worker was ended by \(end), probably for memory; tried again alone: JOB-AGAIN",
        isWarning: true)
      return [rest]
    }
    if let job = rest.plans.first, rest.plans.count == 1 {
      rest.crash = WorkerCrash(job: job.name, end: end)
      return [rest]
    }
    return rest.halves
  }

  /// `done`, or how many of each state.
  private static func summary(_ states: some Collection<JobResult.State>) -> String {
    let counts = JobResult.State.allCases.compactMap { state in
      let count = states.count { $0 == state }
      return count == 0 ? nil : states.count == 1 ? state.rawValue : "\(count) \(state.rawValue)"
    }
    return counts.isEmpty ? "stopped" : counts.joined(separator: ", ")
  }
}

/// The processes of all workers, and whether one of them ended the run.
final class WorkerTable: Sendable {
  private struct State {
    var processes: [Int: Int32] = [:]
    var hasFailed = false
  }

  private let state = Mutex(State())

  func set(_ slot: Int, _ process: Int32?) { state.withLock { $0.processes[slot] = process } }

  /// Says that the run cannot go on.
  func fail() { state.withLock { $0.hasFailed = true } }

  var hasFailed: Bool { state.withLock { $0.hasFailed } }

  /// What the machine has left, and what workers hold.
  var usage: Admission.Usage {
    let processes = state.withLock { $0.processes }
    return Admission.Usage(
      available: ProcessLimits.availableMemory,
      resident: processes.compactMapValues { ProcessPeak.resident($0) })
  }
}

/// One worker process.
private final class Worker {
  private let process = Process()
  private let output = Pipe()
  private let input = Pipe()
  private var pending: [UInt8] = []
  private var hasPassedSignal = false
  /// Why it ended before its orders were done, if it said so.
  private(set) var fault: Fault?

  init(arguments: [String]) throws(Fault) {
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
    } catch {
      // The program is this one: what is missing is processes, descriptors or memory.
      throw Fault(
        .resources, "BATCH-WORKER",
        "the worker process did not start: \(Fault.text(errno: Int32(clamping: (error as NSError).code)))"
      )
    }
  }

  /// The process.
  var identifier: Int32 { process.processIdentifier }

  /// How the process ended, once it has.
  var status: WorkerEnd {
    guard !process.isRunning else { return .exit(0) }
    return process.terminationReason == .uncaughtSignal
      ? .signal(process.terminationStatus) : .exit(process.terminationStatus)
  }

  /// Has an order done and reads what comes of it, until the worker waits for the next one or has ended; whether it waits.
  ///
  /// The first request to stop is passed on, once.
  func run(
    _ order: WorkerOrder, result: (JobResult) -> Void, log: (JSONValue) -> Void
  ) -> Bool {
    send(order.json.text())
    let descriptor = output.fileHandleForReading.fileDescriptor
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      passSignal()
      while let line = nextLine() {
        guard let value = try? JSONValue.parse(line) else { continue }
        if value["idle"] != nil { return true }
        if let words = value["log"] {
          log(words)
        } else if let ended = value["ended"] {
          fault = try? Fault(json: JSONField(ended, code: "BATCH-WORKER"))
        } else if let found = try? JobResult(line: value) {
          result(found)
        }
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 20) > 0 else { continue }
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      pending += buffer.prefix(count)
    }
    waitForEnd()
    return false
  }

  /// Lets the process go.
  func end() {
    send(WorkerProcess.end)
    try? input.fileHandleForWriting.close()
    waitForEnd()
  }

  private func waitForEnd() {
    while process.isRunning {
      passSignal()
      usleep(5_000)
    }
    process.waitUntilExit()
  }

  private func nextLine() -> [UInt8]? {
    guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { pending.removeSubrange(...end) }
    return Array(pending[..<end])
  }

  /// A worker that is gone is noticed where its output ends.
  private func send(_ line: String) {
    try? input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
  }

  private func passSignal() {
    if !hasPassedSignal, let signal = Interruption.signal {
      kill(process.processIdentifier, signal)
      hasPassedSignal = true
    }
  }
}
