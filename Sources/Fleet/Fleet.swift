public import Faults
import Files
import Foundation
import Pipeline
public import Progress
public import Recipes
public import Reports
import Sessions
import Synchronization
import Threads

/// Runs, from the side of the process that a user started: plans, workers and what came of them.
public struct Fleet: Sendable {
  /// The run.
  public let run: RunDirectory

  /// The run in `directory`.
  public init(run directory: String) {
    run = RunDirectory(directory)
  }

  /// Makes the run's folder.
  ///
  /// - Throws: 64 `OUT-IN` where the run lies in what it reads.
  public func prepare(_ manifest: Manifest) throws(Fault) {
    // Before anything is written.
    for plan in manifest.jobs {
      try OutputPlace.check(run.path, against: plan.inputPaths + [manifest.path])
    }
    try Paths.makeDirectory(run.path)
  }

  /// Writes the plan of `manifest`.
  ///
  /// - Throws: as ``prepare(_:)``; 73 `RUN-PLAN` where the run holds jobs with other options.
  @discardableResult
  public func plan(_ manifest: Manifest) throws(Fault) -> RunPlan {
    try prepare(manifest)
    let plan = try RunPlan(manifest)
    try plan.write(to: run)
    return plan
  }

  /// Does the jobs of `plans` in worker processes.
  ///
  /// - Returns: What became of the jobs that were reached.
  /// - Throws: 70 `BATCH-WORKER` where a worker dies outside any job or cannot be started, or the fault that it ended
  ///   with.
  public func work(
    _ plans: [JobPlan], _ workers: FleetWorkers, log: ProgressLog
  ) throws(Fault) -> [JobResult] {
    struct Outcome {
      var results: [String: JobResult] = [:]
      var fault: Fault?
    }
    let groups = JobGroup.groups(
      of: plans, run: run, byteLimit: workers.groupByteLimit, parts: workers.count)
    let slots = min(workers.count, groups.count)
    let admission = Admission(
      groups, slots: slots, threads: workers.threads, capacity: workers.memory,
      costs: costs(groups, since: workers.since))
    let outcome = Mutex(Outcome())
    let processes = WorkerTable()
    let total = log.task("jobs", total: plans.count, unit: "jobs", place: .max)
    let end = DispatchGroup()
    for slot in 0..<slots {
      let supervisor = WorkerSupervisor(
        slot: slot, marker: RunMarker(run: run, part: workers.part, worker: slot),
        arguments: workers.arguments(slot),
        admission: admission, processes: processes, jobSeconds: workers.jobSeconds, log: log)
      end.enter()
      // Threads of their own: they wait, and there may be more of them than cores.
      Thread.detachNewThread {
        defer { end.leave() }
        do throws(Fault) {
          try supervisor.run { result in
            outcome.withLock { $0.results[result.name] = result }
            if result.state == .skipped {
              total.pass(detail: result.name)
            } else if result.fault?.code != Interruption.code {
              total.advance(detail: result.name)
            }
          }
        } catch {
          outcome.withLock { $0.fault = $0.fault ?? error }
          processes.fail()
        }
      }
    }
    end.wait()
    total.finish(detail: "")
    return try outcome.withLock { (outcome) throws(Fault) in
      if let fault = outcome.fault { throw fault }
      return Array(outcome.results.values)
    }
  }

  /// What groups took when jobs of theirs were done before: here, or in an earlier run.
  private func costs(_ groups: [JobGroup], since: String?) -> CostModel {
    var costs = CostModel()
    var known: Set<String> = []
    for group in groups where known.count < Fleet.mostRecordsRead {
      guard let name = group.plans.first?.name, known.insert(group.key).inserted else { continue }
      for place in [run] + (since.map { [RunDirectory($0)] } ?? []) {
        guard Paths.kind(of: place.recordPath(name)) == .file,
          let record = try? place.record(name), let peak = record.peakBytes
        else { continue }
        costs.observe(group, threads: record.threads, peak: peak)
        break
      }
    }
    return costs
  }

  /// Records that are read before any work, at most.
  private static let mostRecordsRead = 64

  /// What is known of the jobs of `manifest` where the process was asked to stop, in its order and without a look at records:
  /// thousands take longer than there is time.
  public func interrupted(_ manifest: Manifest, known: [JobResult]) -> [JobResult] {
    let known = Dictionary(known.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return manifest.jobs.map { known[$0.name] ?? JobResult(name: $0.name, state: .skipped) }
  }

  /// The fault of a run that was asked to stop: how far it came.
  public func interruption(_ results: [JobResult]) -> Fault? {
    do throws(Fault) {
      try Interruption.check()
      return nil
    } catch {
      let ended = results.count { [.done, .kept, .rejected].contains($0.state) }
      return Fault(
        error.kind, error.code,
        "\(error.reason): \(ended) of \(results.count) jobs ended this time")
    }
  }

  /// The results of all jobs of `manifest`, in its order: those of `known`, else what earlier work has left.
  ///
  /// - Throws: 75 `RUN-STOPPED`.
  public func results(
    _ manifest: Manifest, known: [JobResult] = [], threads: Int
  ) throws(Fault) -> [JobResult] {
    let known = Dictionary(known.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return try forEach(manifest.jobs, threads: threads) { plan in
      guard var result = known[plan.name] else { return notRun(plan) }
      let record = try? run.record(plan.name).summary
      // Of a job that was stopped, or that another process is at, the record is an earlier one's.
      result.hasRecord = result.fault.map { record?.failure?.code == $0.code } ?? (record != nil)
      result.record =
        result.hasRecord
        ? record : Fleet.placeholder(plan.name, .failed, failure: result.fault)
      return result
    }
  }

  /// Writes the report on `results`, whose records are read again one at a time.
  ///
  /// - Returns: The report, with summaries of the records.
  @discardableResult
  public func report(_ results: [JobResult], threads: Int) throws(Fault) -> Report {
    let run = self.run
    return try ReportWriter().write(
      to: run.reportPath, count: results.count, threads: threads
    ) { index throws(Fault) in
      let result = results[index]
      if result.hasRecord, let record = try? run.record(result.name) {
        return record
      }
      return result.record ?? Fleet.placeholder(result.name, .failed, failure: result.fault)
    }
  }

  /// What the records say of the jobs of `manifest`, whoever wrote them.
  ///
  /// Nothing is decided by listings or by what a scheduler says: every record and artifact is opened. A job without a
  /// record is temporary: whoever runs its part again does it.
  ///
  /// - Throws: 75 `RUN-STOPPED`.
  public func collect(_ manifest: Manifest, threads: Int) throws(Fault) -> [JobResult] {
    try forEach(manifest.jobs, threads: threads) { plan in
      var result = JobResult(name: plan.name, state: .failed)
      // Nothing has failed where a part of the run is still to be done.
      guard Paths.kind(of: run.recordPath(plan.name)) == .file else {
        result.fault = Fault(
          .temporary, "RUN-MISSING", "no record of the job yet", path: run.jobPath(plan.name))
        result.state = .skipped
        result.record = Fleet.placeholder(plan.name, .skipped)
        return result
      }
      do throws(Fault) {
        let record = try run.record(plan.name)
        result.record = record.summary
        result.hasRecord = true
        result.fault = record.failure.map(Fault.init)
        switch record.state {
        case .done:
          try ArtifactBinding.check(
            run.artifactPath(plan.name), against: record, memory: nil)
          result.artifactPath = run.artifactPath(plan.name)
          result.state = .done
        case .rejected: result.state = .rejected
        case .kept:
          try ArtifactBinding.checkMissing(run.artifactPath(plan.name))
          result.state = .kept
        case .failed: break
        case .skipped: result.state = .skipped
        }
      } catch {
        result.state = .failed
        result.hasRecord = false
        result.fault = error
        result.record = Fleet.placeholder(plan.name, .failed, failure: error)
      }
      return result
    }
  }

  /// The jobs that are done, with what was asked for, their records and artifacts.
  ///
  /// - Throws: what reading the plan, its manifest and a record throws; 65 `RUN-ARTIFACT` for an artifact that is not its
  ///   record's.
  public func finished() throws(Fault) -> [(plan: JobPlan, record: JobRecord, artifactPath: String)]
  {
    var jobs: [(plan: JobPlan, record: JobRecord, artifactPath: String)] = []
    for plan in try RunPlan.read(run).manifest.jobs {
      guard Paths.kind(of: run.recordPath(plan.name)) == .file else { continue }
      let record = try run.record(plan.name)
      guard record.state == .done else { continue }
      let artifact = run.artifactPath(plan.name)
      try ArtifactBinding.check(artifact, against: record, memory: nil)
      jobs.append((plan, record, artifact))
    }
    return jobs
  }

  /// A job that was not asked for or not reached, with the record of an earlier run where there is one.
  private func notRun(_ plan: JobPlan) -> JobResult {
    var result = JobResult(name: plan.name, state: .skipped)
    let path = run.recordPath(plan.name)
    result.record = Paths.kind(of: path) == .file ? try? run.record(plan.name).summary : nil
    result.hasRecord = result.record != nil
    if result.record?.state == .done { result.artifactPath = run.artifactPath(plan.name) }
    result.record = result.record ?? Fleet.placeholder(plan.name, .skipped)
    return result
  }

  /// Results of jobs, many of them at once; of few, an interruption leaves what there is to report.
  private func forEach(
    _ plans: [JobPlan], threads: Int, _ body: @Sendable (JobPlan) -> JobResult
  ) throws(Fault) -> [JobResult] {
    guard plans.count > ReportWriter.onePageLimit else { return plans.map(body) }
    return try parallelMap(plans.count, threads: threads) { index in body(plans[index]) }
  }

  private static func placeholder(
    _ name: String, _ state: JobRecord.State, failure: Fault? = nil
  ) -> JobRecord {
    JobRecord(
      name: name, state: state, failure: failure.map(FailureRecord.init), threads: 0,
      machine: MachineLine.current, createdBy: Product.createdBy)
  }
}

extension Fault {
  /// The fault that a record tells of.
  fileprivate init(_ failure: FailureRecord) {
    let suffix = ": " + failure.code
    self.init(
      Kind(rawValue: Int32(clamping: failure.exitCode)) ?? .internalError, failure.code,
      failure.message.hasSuffix(suffix)
        ? String(failure.message.dropLast(suffix.count)) : failure.message)
  }
}
