import Faults
import Foundation
import Synchronization

/// Lets tasks that run at once do one thing in the order of their numbers, 0 first.
///
/// Sums in Float32 depend on their order: with it they are the same whatever thread comes first, and however many there
/// are. A task waits for the one before it, so tasks must be started in the order of their numbers.
public final class Turnstile: Sendable {
  private struct State {
    var next = 0
    var isClosed = false
  }

  private let condition = NSCondition()
  private let state = Mutex(State())

  /// How often a waiting task looks whether the process was asked to stop: a task before it may never come.
  private static let patience = 0.1

  /// A turnstile whose first task is 0.
  public init() {}

  /// Runs `body` when all tasks before `number` have passed; not at all after ``close()`` or a signal to stop.
  public func pass(_ number: Int, _ body: () -> Void) {
    condition.lock()
    while true {
      let (next, isClosed) = state.withLock { ($0.next, $0.isClosed) }
      if isClosed || Interruption.isRequested {
        condition.unlock()
        return
      }
      if next == number { break }
      _ = condition.wait(until: Date(timeIntervalSinceNow: Turnstile.patience))
    }
    condition.unlock()
    body()
    condition.lock()
    state.withLock { $0.next = number + 1 }
    condition.broadcast()
    condition.unlock()
  }

  /// Lets nobody pass any more; those who wait go on without.
  public func close() {
    condition.lock()
    state.withLock { $0.isClosed = true }
    condition.broadcast()
    condition.unlock()
  }
}
