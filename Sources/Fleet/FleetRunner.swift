import Adapters
public import Faults
import Files
import LinearAlgebra
import Pipeline
public import Progress
public import Recipes
import Reports
import Sessions
import Threads

/// Does the jobs of orders, in the process of a worker.
///
/// A job is done when its record says so for the same inputs and options and its artifact opens; such jobs are
/// skipped, so that running again resumes. One bad adapter never stops the others.
public final class FleetRunner {
  private let manifest: Manifest
  private let run: RunDirectory
  private var resources: FleetResources
  private let log: ProgressLog
  private let ledger: JobLedger
  private let marker: RunMarker
  /// The base that is open, and the conversion on it: one at a time, since jobs come base by base.
  private var session: (key: [String], session: BaseSession)?
  private var conversion: StackedConversion?

  /// A runner of a manifest's jobs into a run.
  ///
  /// - Parameters:
  ///   - part: The part of the run that is done.
  ///   - worker: Which of several workers of one process this is.
  public init(
    manifest: Manifest, run: RunDirectory, resources: FleetResources, part: Shard, worker: Int,
    log: ProgressLog
  ) {
    self.manifest = manifest
    self.run = run
    self.resources = resources
    self.log = log
    ledger = JobLedger(
      run: run, since: resources.since.map { RunDirectory($0) }, memory: resources.memory, log: log)
    marker = RunMarker(run: run, part: part, worker: worker)
  }

  /// Takes orders from standard input and tells on standard output what becomes of their jobs.
  ///
  /// - Throws: What concerns no single job.
  public func work() throws(Fault) {
    WorkerProcess.listen()
    while let order = try WorkerProcess.order() {
      try work(order) { WorkerProcess.tell($0) }
      if !Interruption.isRequested { WorkerProcess.tellDone() }
    }
  }

  func work(_ order: WorkerOrder, report: (JobResult) -> Void) throws(Fault) {
    resources.threads = order.threads
    resources.memory = order.memory
    session?.session.begin(memory: order.memory)
    let names = Set(order.jobs)
    let plans = manifest.jobs.filter { names.contains($0.name) }
    guard plans.count == names.count else {
      throw RunPlan.changed(manifest.path)
    }
    if let crash = order.crash {
      for plan in plans {
        // What the dead worker has left; whoever else is at the job keeps it.
        OutputLock.removeLeft(besideFile: run.artifactPath(plan.name))
        report(failed(plan, crash.fault))
      }
      return
    }
    ProcessPeak.reset()
    try marker.set(plans.map(\.name))
    defer { marker.clear() }
    let results =
      order.isStacked && !plans.isEmpty
      ? stacked(plans, keepsDirections: order.hasMore) : plans.map { alone($0) }
    let peak = ProcessPeak.byteCount
    for var result in results {
      result.peak = peak
      report(result)
    }
  }

  // MARK: - Before the work

  /// A job whose adapter is read, if it has one, and which is not done yet.
  private struct Opened: Sendable {
    var adapter: Adapter?
    var digest: String
    var lock: OutputLock
  }

  private enum Start: Sendable {
    case ended(JobResult)
    case opened(Opened)
  }

  /// Reads an adapter, and whether the job is done already.
  private static func open(
    _ plan: JobPlan, run: RunDirectory, ledger: JobLedger, threads: Int, memory: Int?
  ) throws(Fault) -> Start {
    let adapter = try plan.adapterPath.map { (path) throws(Fault) in
      try Adapter.open(
        path, format: plan.recipe.adapterFormat, threads: threads, memory: memory)
    }
    let digest = try ledger.digest(of: plan, adapter: adapter?.identity)
    if let record = ledger.finished(plan.name, digest: digest) {
      // Of a worker that was killed after its last word and before it let go.
      OutputLock.removeLeft(besideFile: run.artifactPath(plan.name))
      return .ended(
        JobResult(
          name: plan.name, state: .skipped,
          artifactPath: record.state == .done ? run.artifactPath(plan.name) : nil, record: record))
    }
    try Paths.makeDirectory(run.jobPath(plan.name))
    let lock = try OutputLock(file: run.artifactPath(plan.name))
    _ = try AtomicFile.removeLeftovers(in: run.jobPath(plan.name))
    return .opened(Opened(adapter: adapter, digest: digest, lock: lock))
  }

  private func request(_ plan: JobPlan) -> JobRequest {
    JobRequest(
      plan: plan, outputPath: run.artifactPath(plan.name),
      checkpointPath: Paths.join(run.jobPath(plan.name), "tuning.checkpoint"))
  }

  private func session(_ plan: JobPlan) throws(Fault) -> BaseSession {
    let key = [plan.basePath, plan.recipe.basesPath ?? "", "\(resources.threads)"]
    if let session, session.key == key { return session.session }
    // The last base is let go of before the next is opened.
    session = nil
    conversion = nil
    let opened = try BaseSession(
      path: plan.basePath, cacheDirectory: resources.cacheDirectory,
      cacheLimit: resources.cacheLimit, pack: plan.recipe.basesPath, threads: resources.threads,
      memory: resources.memory, log: log)
    session = (key, opened)
    return opened
  }

  // MARK: - One job

  private func alone(_ plan: JobPlan) -> JobResult {
    let opened: Opened
    do throws(Fault) {
      let start = try FleetRunner.open(
        plan, run: run, ledger: ledger, threads: resources.threads, memory: resources.memory)
      switch start {
      case .ended(let result): return result
      case .opened(let found): opened = found
      }
    } catch {
      return failed(plan, error, isBegun: false)
    }
    var runner: JobRunner?
    do throws(Fault) {
      log.note("\(plan.name): \(plan.adapterPath ?? "from nothing")")
      let started = try JobRunner(
        session: try session(plan), request: request(plan), adapter: opened.adapter)
      runner = started
      var record = try started.run()
      record.planDigest = opened.digest
      guard record.state == .kept else {
        try ledger.write(record)
        return JobResult(
          name: plan.name, state: .done, artifactPath: run.artifactPath(plan.name), record: record)
      }
      // Of an earlier adapter of this name.
      Paths.removeIfPresent(run.artifactPath(plan.name))
      try ledger.write(record)
      log.note("\(plan.name): kept as the LoRA that it is")
      return JobResult(name: plan.name, state: .kept, record: record)
    } catch {
      return failed(plan, error, gate: runner?.gate)
    }
  }

  /// - Parameter isBegun: Whether the inputs could be looked at. Where not, the record of a job that was done stays: what it says
  ///   is as true as before.
  private func failed(
    _ plan: JobPlan, _ fault: Fault, gate: GateRecord? = nil, isBegun: Bool = true
  ) -> JobResult {
    let isRejected = fault.code == JobRunner.rejection
    if fault.code != Interruption.code {
      log.warn([
        Warning(isRejected ? "JOB-REJECTED" : "JOB-FAILED", fault.description, subject: plan.name)
      ])
    }
    let record = JobRecord(
      name: plan.name, state: isRejected ? .rejected : .failed, failure: FailureRecord(fault),
      gate: isRejected ? gate : nil, threads: resources.threads, machine: MachineLine.current,
      createdBy: Product.createdBy)
    // Of a job that another process is at, that process writes the record.
    let isOthers = [Interruption.code, "LOCK-HELD"].contains(fault.code)
    if !isOthers, isBegun || !ledger.isDone(plan.name) { ledger.keep(record) }
    return JobResult(
      name: plan.name, state: isRejected ? .rejected : .failed, fault: fault, record: record)
  }

  // MARK: - Many jobs

  private func stacked(_ plans: [JobPlan], keepsDirections: Bool) -> [JobResult] {
    var results = [JobResult?](repeating: nil, count: plans.count)
    var runners: [(place: Int, runner: JobRunner, opened: Opened)] = []
    do throws(Fault) {
      for (place, start) in try open(plans).enumerated() {
        let plan = plans[place]
        switch start {
        case .failure(let fault): results[place] = failed(plan, fault, isBegun: false)
        case .success(.ended(let result)): results[place] = result
        case .success(.opened(let opened)):
          do throws(Fault) {
            let runner = try JobRunner(
              session: try session(plan), request: request(plan),
              adapter: opened.adapter)
            runners.append((place, runner, opened))
          } catch {
            results[place] = failed(plan, error)
          }
        }
      }
      if !runners.isEmpty {
        let converted = try conversion(
          plans[0], keepsDirections: keepsDirections
        ).run(runners.map(\.runner))
        let records = zip(runners, converted).map { entry, result in
          result.map { record in
            var record = record
            record.planDigest = entry.opened.digest
            return record
          }
        }
        let written = try write(records)
        for (entry, result) in zip(runners, written) {
          let plan = plans[entry.place]
          switch result {
          case .success(let record):
            results[entry.place] = JobResult(
              name: plan.name, state: .done, artifactPath: run.artifactPath(plan.name),
              record: record)
          case .failure(let fault): results[entry.place] = failed(plan, fault)
          }
        }
      }
    } catch {
      // What concerns all of them, such as a weight that cannot be read.
      for place in plans.indices where results[place] == nil {
        results[place] = failed(plans[place], error)
      }
    }
    return results.compactMap(\.self)
  }

  private func open(_ plans: [JobPlan]) throws(Fault) -> [Result<Start, Fault>] {
    // Once for all of them, not once a thread; where it fails every job says so.
    _ = try? ledger.fileDigest(plans[0].basePath)
    let (run, ledger, memory) = (self.run, self.ledger, resources.memory)
    return try parallelMap(plans.count, threads: resources.threads) {
      (index) throws(Fault) -> Result<Start, Fault> in
      Result { () throws(Fault) in
        try FleetRunner.open(plans[index], run: run, ledger: ledger, threads: 1, memory: memory)
      }
    }
  }

  private func write(
    _ records: [Result<JobRecord, Fault>]
  ) throws(Fault) -> [Result<JobRecord, Fault>] {
    let ledger = self.ledger
    let files = try parallelMap(records.count, threads: resources.threads) {
      (index) throws(Fault) -> Result<AtomicFile.Content, Fault> in
      Result { () throws(Fault) in try ledger.file(of: try records[index].get()) }
    }
    var written = AtomicFile.write(files.compactMap { try? $0.get() })[...]
    return zip(records, files).map { record, file in
      Result { () throws(Fault) in
        _ = try file.get()
        _ = try written.popFirst()?.get()
        return try record.get()
      }
    }
  }

  private func conversion(
    _ plan: JobPlan, keepsDirections: Bool
  ) throws(Fault) -> StackedConversion {
    // Another base takes the conversion away with its session.
    let session = try session(plan)
    if let conversion { return conversion }
    let opened = try StackedConversion(
      session: session, scratch: keepsDirections ? resources.scratch ?? run.path : nil)
    conversion = opened
    return opened
  }
}
