public import Faults
import Synchronization

/// Runs `body` for every index in `0..<count` on up to `threads` threads; inside another fork-join on those that the
/// outer one leaves idle.
///
/// Results come back in index order. Indices begin in order, and none begins after one has failed; of several faults the
/// one with the lowest index is thrown, so that the outcome does not depend on scheduling. An interruption is noticed
/// before every index.
///
/// - Parameter memory: Lets an index begin only where what it needs fits beside what others use; one alone always may.
public func parallelMap<Result: Sendable>(
  _ count: Int, threads: Int, memory: MemoryShare? = nil,
  _ body: @Sendable (Int) throws(Fault) -> Result
) throws(Fault) -> [Result] {
  let slots = Slots<Swift.Result<Result, Fault>>(count: count)
  withThreads(threads) {
    ForkJoin.run(count, threads: threads) { index in
      do throws(Fault) {
        try Interruption.check()
        memory?.enter(index)
        defer { memory?.leave(index) }
        slots.set(index, .success(try body(index)))
        return true
      } catch {
        slots.set(index, .failure(error))
        return false
      }
    }
  }
  return try slots.all()
}

/// A result for every item, written once each.
private final class Slots<Value: Sendable>: Sendable {
  private let values: Mutex<[Value?]>

  init(count: Int) { values = Mutex(Array(repeating: nil, count: count)) }

  func set(_ index: Int, _ value: Value) { values.withLock { $0[index] = value } }

  /// All of them, or the first fault.
  func all<Success>() throws(Fault) -> [Success] where Value == Result<Success, Fault> {
    var results: [Success] = []
    let values = values.withLock { $0 }
    results.reserveCapacity(values.count)
    for value in values {
      guard let value else {
        throw Fault(.internalError, "PAR-SLOT", "a parallel task left no result")
      }
      results.append(try value.get())
    }
    return results
  }
}
