import Synchronization

/// Values of which each is in one caller's hands at a time, made when none is free.
///
/// `@unchecked Sendable`: a value is reached by ``lend(_:)`` alone, which takes it out meanwhile; `make` runs under the
/// lock.
public final class Lender<Value>: @unchecked Sendable {
  private let lock = Mutex(())
  private var free: [Value] = []
  private let make: () -> Value

  /// A lender of what `make` returns.
  public init(_ make: @escaping () -> Value) { self.make = make }

  /// Runs `body` with a value; the last one given back comes first, so that there are as many as are used at once.
  public func lend<Result, Failure: Error>(
    _ body: (Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let value = take()
    defer { giveBack(value) }
    return try body(value)
  }

  /// Lets go of the values that nobody has in hand.
  public func dropFree() { lock.withLock { _ in free = [] } }

  private func take() -> Value {
    lock.withLock { _ in free.popLast() ?? make() }
  }

  private func giveBack(_ value: Value) {
    lock.withLock { _ in free.append(value) }
  }
}
