internal import Dispatch
internal import Faults
internal import Synchronization

/// Decoding one tensor on several threads.
enum ParallelParts {
  /// Runs `body` on contiguous parts of `0..<count`, none shorter than `minimum` unless it is the only one, on up
  /// to `threads` threads.
  ///
  /// - Throws: the fault of the first part that has one.
  static func run(
    _ count: Int, minimum: Int, threads: Int,
    _ body: @Sendable (Range<Int>) throws(Fault) -> Void
  ) throws(Fault) {
    let parts = max(1, min(threads, count / max(minimum, 1)))
    if parts == 1 { return try body(0..<count) }
    let faults = Mutex<[Int: Fault]>([:])
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      do throws(Fault) {
        try body(count / parts * part..<(part + 1 == parts ? count : count / parts * (part + 1)))
      } catch {
        faults.withLock { $0[part] = error }
      }
    }
    if let first = faults.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
  }
}
