import Dispatch
public import Faults

/// Runs `body` for every index in `0..<count` on up to `threads` threads, one BLAS thread each.
///
/// Results come back in index order; of several faults the one with the lowest index is thrown, so the
/// outcome does not depend on scheduling. The BLAS thread count is restored afterwards. An interruption
/// is noticed before every index.
public func parallelMap<Result: Sendable>(
  _ count: Int, threads: Int, _ body: @Sendable (Int) throws(Fault) -> Result
) throws(Fault) -> [Result] {
  let workers = max(1, min(threads, count))
  if workers > 1 { BLASThreads.beginSingle() }
  defer { if workers > 1 { BLASThreads.endSingle() } }
  let slots = Slots<Swift.Result<Result, Fault>>(count: count)
  let next = WorkCounter(limit: count)
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while let index = next.take() {
      do throws(Fault) {
        try Interruption.check()
        slots.set(index, .success(try body(index)))
      } catch {
        slots.set(index, .failure(error))
      }
    }
  }
  var results: [Result] = []
  results.reserveCapacity(count)
  for slot in slots.values {
    switch slot {
    case .success(let value): results.append(value)
    case .failure(let fault): throw fault
    case nil: throw Fault(.internalError, "PAR-SLOT", "a parallel task left no result")
    }
  }
  return results
}

/// Splits `0..<count` into contiguous ranges and runs `body` on each, on up to `threads` threads.
///
/// For elementwise kernels over rows: each range is disjoint, so nothing is shared but the input.
public func parallelRanges(
  _ count: Int, threads: Int, minimum: Int = 1, _ body: @Sendable (Range<Int>) -> Void
) {
  let parts = max(1, min(threads, count / max(minimum, 1)))
  if parts == 1 {
    body(0..<count)
    return
  }
  DispatchQueue.concurrentPerform(iterations: parts) { part in
    body(count * part / parts..<count * (part + 1) / parts)
  }
}

/// Runs `body` for every index in `0..<count` on up to `threads` threads, one BLAS thread each.
///
/// For tasks that write their own part of a buffer and cannot fail; see ``parallelMap(_:threads:_:)``.
public func parallelTasks(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Void) {
  let workers = max(1, min(threads, count))
  BLASThreads.beginSingle()
  defer { BLASThreads.endSingle() }
  guard workers > 1 else {
    for index in 0..<count { body(index) }
    return
  }
  let next = WorkCounter(limit: count)
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while let index = next.take() { body(index) }
  }
}
