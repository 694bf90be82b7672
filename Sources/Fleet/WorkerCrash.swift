import Faults
import Glibc

/// A job whose worker died at it: `NAME=END`.
struct WorkerCrash: Sendable, Hashable {
  /// The job.
  var job: String
  /// How its process ended.
  var end: WorkerEnd

  init(job: String, end: WorkerEnd) {
    self.job = job
    self.end = end
  }

  /// Reads `NAME=END`; nil for anything else.
  init?(_ text: String) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex,
      let end = WorkerEnd(text[text.index(after: equals)...])
    else { return nil }
    self.init(job: String(text[..<equals]), end: end)
  }

  /// `NAME=END`.
  var description: String { "\(job)=\(end)" }

  /// What the job's record says: any end but for memory or time is our bug.
  var fault: Fault {
    let worker = "the worker process of job \"\(job)\""
    let advice = "give it more, or fewer threads"
    return switch end {
    case .signal(SIGKILL):
      Fault(.resources, "JOB-CRASH", "\(worker) was killed, probably for memory: \(advice)")
    case .late(let seconds):
      Fault(
        .temporary, "JOB-TIME",
        "\(worker) was ended after the \(seconds) seconds of --job-time: give it more")
    case _ where end.isForMemory:
      Fault(.resources, "JOB-CRASH", "\(worker) was refused memory by the system: \(advice)")
    default: Fault(.internalError, "JOB-CRASH", "\(worker) was ended by \(end)")
    }
  }
}
