import Faults

/// Lets items that run at once do one thing in the order of their numbers, 0 first.
///
/// Sums in Float32 depend on their order: with it they are the same whatever thread comes first, and however many there
/// are. An item waits for the one before it, so items must begin in the order of their numbers.
public final class Turnstile: Sendable {
  /// Guarded by the ``Crew``'s lock.
  private nonisolated(unsafe) var next = 0
  private nonisolated(unsafe) var isClosed = false

  /// A turnstile whose first item is 0.
  public init() {}

  /// Runs `body` when all items before `number` have passed; not at all after ``close()`` or a signal to stop.
  public func pass(_ number: Int, _ body: () -> Void) {
    var mayPass = false
    Crew.shared.wait {
      mayPass = next == number && !isClosed && !Interruption.isRequested
      return mayPass || isClosed || Interruption.isRequested
    }
    guard mayPass else { return }
    body()
    Crew.shared.announce { next = number + 1 }
  }

  /// Lets nobody pass any more; those who wait go on without.
  public func close() {
    Crew.shared.announce { isClosed = true }
  }
}
