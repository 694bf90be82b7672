import Faults
import Glibc

/// How the process of a worker ended.
enum WorkerEnd: Sendable, Hashable, CustomStringConvertible {
  /// By a signal.
  case signal(Int32)
  /// With an exit code.
  case exit(Int32)
  /// By its supervisor, after so many seconds at one job (``FleetWorkers/jobSeconds``).
  case late(Int32)

  /// Whether it took too long.
  var isLate: Bool {
    if case .late = self { return true }
    return false
  }

  /// Killed, which most likely was for its memory, or ended where it was refused memory (`formats/errors.md` §7.8).
  var isForMemory: Bool {
    self == .signal(SIGKILL) || self == .exit(Fault.Kind.resources.rawValue)
  }

  /// Whether it ended in the middle of its work, which it could not do otherwise.
  var isCrash: Bool {
    switch self {
    case .signal, .late: true
    case .exit: isForMemory
    }
  }

  /// `signal 9`, `exit code 71`, `time limit 60`.
  var description: String {
    switch self {
    case .signal(let signal): "signal \(signal)"
    case .exit(let code): "exit code \(code)"
    case .late(let seconds): "time limit \(seconds)"
    }
  }

  /// Reads ``description``; nil for anything else.
  init?(_ text: some StringProtocol) {
    let words = text.split(separator: " ")
    guard let number = words.last.flatMap({ Int32($0) }) else { return nil }
    switch words.dropLast().joined(separator: " ") {
    case "signal": self = .signal(number)
    case "exit code": self = .exit(number)
    case "time limit": self = .late(number)
    default: return nil
    }
  }
}
