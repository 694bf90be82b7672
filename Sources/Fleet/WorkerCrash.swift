import Faults
import Glibc

/// A job whose worker died: `NAME=SIGNAL`.
struct WorkerCrash: Sendable, Hashable {
  /// The job.
  var job: String
  /// The signal that ended the process.
  var signal: Int32

  init(job: String, signal: Int32) {
    self.job = job
    self.signal = signal
  }

  /// Reads `NAME=SIGNAL`; nil for anything else.
  init?(_ text: String) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex,
      let signal = Int32(text[text.index(after: equals)...]), signal > 0
    else { return nil }
    self.init(job: String(text[..<equals]), signal: signal)
  }

  /// `NAME=SIGNAL`.
  var description: String { "\(job)=\(signal)" }

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
