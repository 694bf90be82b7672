import Synchronization

/// Runs `body` over all of `0..<count`, in ranges of `grain` where idle threads of the scope can take some, else at once.
///
/// For kernels: `memory` is what they read and write, handed to every range as it is. What an item comes to must not depend
/// on the range it is in, and a range writes what is its own alone. Waits for the last.
///
/// - Parameter memory: Pointers and numbers, nothing that is counted.
/// - Throws: what `body` throws, of several faults that of the first range; ranges behind it are not begun.
public func shareOut<Memory: BitwiseCopyable, Failure: Error>(
  _ count: Int, grain: Int, over memory: Memory,
  _ body: @Sendable (Range<Int>, Memory) throws(Failure) -> Void
) throws(Failure) {
  guard count > 0 else { return }
  let grain = max(grain, 1)
  guard count > grain, hasIdleThreads else {
    try body(0..<count, memory)
    return
  }
  let lent = Lent(memory: memory)
  let first = Mutex<(item: Int, fault: Failure)?>(nil)
  ForkJoin.run((count - 1) / grain + 1, threads: .max) { item in
    do throws(Failure) {
      try body(item * grain..<min((item + 1) * grain, count), lent.memory)
      return true
    } catch {
      first.withLock { if item < $0?.item ?? .max { $0 = (item, error) } }
      return false
    }
  }
  if let first = first.withLock({ $0 }) { throw first.fault }
}

/// Memory lent to the tasks of one fork-join, whose caller waits for them.
///
/// `@unchecked Sendable`: plain pointers; that ranges are disjoint is what ``shareOut(_:grain:over:_:)`` asks of its body.
private struct Lent<Memory: BitwiseCopyable>: @unchecked Sendable {
  let memory: Memory
}
