import Faults
import Glibc
import Progress
import Recipes

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
  /// Seconds that an order may take; nil for no limit.
  let jobSeconds: Int?
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
          active = try Worker(arguments: arguments, jobSeconds: jobSeconds)
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
    var refused: Set<String> = []
    var peak: Int?
    let isIdle = worker.run(order) { result in
      // What an estimate left it was too little: all there is may do.
      if result.fault?.code == "MEM-BUDGET", !grant.isWhole {
        refused.insert(result.name)
        return
      }
      // What was stopped goes on when the batch is run again.
      if result.fault?.code != Interruption.code { done[result.name] = result.state }
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
      let known = done.merging(refused.map { ($0, .failed) }) { first, _ in first }
      left = try leftBehind(grant, end, worker.fault, known, isAccompanied: isAccompanied)
    }
    if !isIdle { marker.clear() }
    admission.putBack(left + again(grant.group, refused))
    admission.finish(slot, peak: peak)
    return isIdle
  }

  /// Those of a group that were refused for memory, each to be tried with all that there is.
  private func again(_ group: JobGroup, _ refused: Set<String>) -> [JobGroup] {
    group.plans.filter { refused.contains($0.name) }.map { plan in
      log.relay(
        "\(plan.name): more than its part of the memory; tried again alone: JOB-AGAIN",
        isWarning: true)
      var alone = group
      alone.plans = [plan]
      alone.isAlone = true
      return alone
    }
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
    // Asked to end in time it has cleared its marker.
    let begun = end.isLate ? grant.group.plans.map(\.name) : marker.jobs
    let names = Set(begun).subtracting(done.keys)
    // It was done after all.
    if end.isLate, names.isEmpty { return [] }
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
