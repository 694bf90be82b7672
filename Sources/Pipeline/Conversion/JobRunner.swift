public import Adapters
public import Faults
import Files
import Foundation
import Progress
import Projection
import Recipes
public import Reports
public import Sessions
import Training

/// Converts one adapter from beginning to end, or finds that it had better stay as it is; without one, trains from nothing.
///
/// The order of the stages and nothing else: what a stage does is in `Stages/`, what they share in ``JobContext``,
/// mathematics in `Projection` and `Training`, bytes in `Artifacts`.
public final class JobRunner {
  /// What the stages share.
  package let job: JobContext
  /// What the last judged artifact retained, or the nearest where none retained enough.
  package private(set) var gate: GateRecord?

  /// The code of the fault by which a job is rejected rather than failed.
  package static let rejection = "JOB-RETAINED"

  /// A runner for one job on an open base.
  ///
  /// - Parameter adapter: The adapter of the request, where the caller has read it already.
  /// - Throws: what opening and matching the adapter throws.
  public init(
    session: BaseSession, request: JobRequest, adapter: Adapter? = nil
  ) throws(Fault) {
    job = try JobContext(session: session, request: request, adapter: adapter)
  }

  /// Runs the job, writes the artifact atomically unless the LoRA is kept, and returns the record.
  public func run() throws(Fault) -> JobRecord {
    let lock = try job.lockOutput()
    defer { withExtendedLifetime(lock) {} }
    try job.agreeOnTask()

    try job.run(BasesStage())
    let curvature = try job.run(CalibrationStage())
    let projector = try job.run(ResidualStage(), curvature)
    let rows = try job.run(RowsStage())
    try job.agreeOnInputs(rows)
    guard let found = try search(projector, rows) else {
      let evaluation = try job.run(AdapterMeasurementStage())
      return try job.run(KeepingStage(), (gate, evaluation))
    }
    let measured = try job.run(MeasurementStage(), (found.result, rows))
    let file = try job.run(WritingStage(), measured.artifact)
    return try job.run(RecordStage(), (measured, file, found.race, found.gate))
  }

  /// What the sizes in turn came to.
  private typealias Found = (result: StoredResult, race: RaceRecord?, gate: GateRecord?)

  /// ``firstThatPasses(_:_:)``; numbers that come out wrong there are the adapter's, or the base's where there is none.
  private func search(_ projector: Projector, _ rows: JobRows?) throws(Fault) -> Found? {
    do throws(Fault) {
      return try firstThatPasses(projector, rows)
    } catch {
      throw error.kind == .badData ? error.at(path: job.request.subjectPath) : error
    }
  }

  /// Size after size until the artifact as stored keeps what it must: the first one where nothing is asked for, nil where
  /// none does and the LoRA is to be kept then.
  private func firstThatPasses(_ projector: Projector, _ rows: JobRows?) throws(Fault) -> Found? {
    let judge = try job.run(GateStage(), rows)
    for size in JobSize.all(of: job.request.target, rank: job.source.rank) {
      let starts = try job.run(StartStage(), (size, projector, rows))
      guard !starts.isEmpty else { continue }
      let (start, race) = try job.run(RaceStage(), (starts, size, rows))
      let tuned = try job.run(TuningStage(), (start, size, rows))
      var result = try job.run(StorageStage(), (tuned, size.bytes))
      guard let judge else { return (result, race, nil) }
      let found = try job.run(judge, (result.artifact, size, gate))
      guard found.passes else {
        gate = found.nearer(than: gate)
        continue
      }
      gate = found
      result.artifact.note(found)
      return (result, race, found)
    }
    if gate != nil, job.request.belowMinimum == .keep { return nil }
    throw fault()
  }

  /// Why no size was good enough.
  private func fault() -> Fault {
    let request = job.request
    if let gate {
      return Fault(
        .badData, JobRunner.rejection,
        "retained gain \(gate.sentence): the lower end must reach \(String(format: "%.3f", gate.asked))",
        path: request.subjectPath)
    }
    guard let bytes = request.target.budget else {
      return Fault(
        .internalError, "JOB-BUDGET", "no size was tried", path: request.subjectPath)
    }
    return Fault(
      .badData, "JOB-BUDGET", "no rank fits \(bytes) bytes", path: request.subjectPath)
  }
}
