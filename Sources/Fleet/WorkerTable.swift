import Files
import Synchronization

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
