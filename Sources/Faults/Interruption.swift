import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// SIGINT, SIGTERM, SIGHUP and SIGXCPU as a fault.
///
/// Work stops between two of its items, temporary files are removed, a tuning run writes its checkpoint, and
/// the process exits with 75. A step that cannot be cut short is given up when the grace is over: names of files are given
/// to whole ones only, so that nothing is lost but that step. A second SIGINT ends the process at once (130).
public enum Interruption {
  /// The code of its fault.
  public static let code = "RUN-STOPPED"

  /// What asks for an end.
  ///
  /// The last comes at the soft limit of CPU time, `ulimit -St`, and again every second.
  private static let signals = [
    SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP", SIGXCPU: "SIGXCPU",
  ]

  /// The signal received, 0 for none.
  ///
  /// Written by the handler: a lock-free exchange is all it may do.
  private static let received = Atomic<Int32>(0)

  /// Seconds from the first signal to the end of the process.
  private static let grace = Atomic<UInt32>(0)
  /// Of a process whose end others tell.
  private static let isSilent = Atomic<Bool>(false)

  private static let abandoned: StaticString =
    "error: stopped by a signal in a step that cannot be cut short; the same command goes on from what is done: RUN-STOPPED\n"

  /// Installs the handlers, once, at the start of the process.
  public static func install() {
    // The globals must exist before a handler touches them.
    received.store(0, ordering: .relaxed)
    isSilent.store(false, ordering: .relaxed)
    limitGrace(to: 5)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { signal in
      if Interruption.received.exchange(signal, ordering: .relaxed) == 0 {
        alarm(Interruption.grace.load(ordering: .relaxed))
      } else if signal == SIGINT {
        _exit(130)
      }
    }
    var end = sigaction()
    end.__sigaction_handler.sa_handler = { _ in
      if !Interruption.isSilent.load(ordering: .relaxed) {
        let text = Interruption.abandoned
        _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      }
      _exit(Fault.Kind.temporary.rawValue)
    }
    sigaction(SIGALRM, &end, nil)
    // A parent may have started us with signals blocked; blocked ones would never arrive.
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in signals.keys {
      sigaction(signal, &action, nil)
      sigaddset(&mask, signal)
    }
    sigaddset(&mask, SIGALRM)
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
  }

  /// Gives work `seconds` to stop in after the first signal.
  ///
  /// - Parameter isSilent: The process then ends without a line: another one waits for it and has its own.
  public static func limitGrace(to seconds: UInt32, isSilent: Bool = false) {
    grace.store(seconds, ordering: .relaxed)
    if isSilent { self.isSilent.store(true, ordering: .relaxed) }
  }

  /// Whether the process was asked to stop.
  public static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

  /// The signal that asked for it, nil for none.
  public static var signal: Int32? {
    let signal = received.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }

  /// Called between items of long work.
  ///
  /// - Throws: 75 `RUN-STOPPED` after a signal.
  public static func check() throws(Fault) {
    guard let signal else { return }
    throw Fault(.temporary, code, "stopped by \(signals[signal] ?? "a signal")")
  }
}
