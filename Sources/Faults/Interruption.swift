import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// SIGINT, SIGTERM and SIGHUP as a fault.
///
/// Work stops between two of its items, temporary files are removed, a tuning run writes its checkpoint, and
/// the process exits with 75. A second SIGINT ends it at once (130).
public enum Interruption {
  /// The signal received, 0 for none.
  ///
  /// Written by the handler: a lock-free exchange is all it may do.
  private static let received = Atomic<Int32>(0)

  /// Installs the handlers, once, at the start of the process.
  public static func install() {
    // The global must exist before a handler touches it.
    received.store(0, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { signal in
      if Interruption.received.exchange(signal, ordering: .relaxed) != 0, signal == SIGINT {
        _exit(130)
      }
    }
    // A parent may have started us with signals blocked; blocked ones would never arrive.
    var mask = sigset_t()
    sigemptyset(&mask)
    for signal in [SIGINT, SIGTERM, SIGHUP] {
      sigaction(signal, &action, nil)
      sigaddset(&mask, signal)
    }
    pthread_sigmask(SIG_UNBLOCK, &mask, nil)
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
    let name = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? "a signal"
    throw Fault(
      .temporary, "RUN-STOPPED", "stopped by \(name); the same command goes on from what is done")
  }
}
