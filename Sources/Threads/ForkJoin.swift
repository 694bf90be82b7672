import Synchronization

/// One fork-join: items that the caller and its helpers take in order until none is left.
final class ForkJoin: Sendable {
  let scope: ThreadScope
  /// Of the code in its items.
  let depth: Int
  let count: Int
  /// Threads beside the caller.
  let mostHelpers: Int
  private let next = Atomic(0)
  /// The work, on the caller's stack: it stays until ``helpers`` is 0.
  private nonisolated(unsafe) let body: UnsafePointer<@Sendable (Int) -> Bool>
  /// Threads at work here beside the caller; guarded by the ``Crew``'s lock.
  nonisolated(unsafe) var helpers = 0

  private init(
    _ place: ThreadScope.Place, count: Int, mostHelpers: Int,
    body: UnsafePointer<@Sendable (Int) -> Bool>
  ) {
    scope = place.scope
    depth = place.depth + 1
    self.count = count
    self.mostHelpers = mostHelpers
    self.body = body
  }

  var hasItems: Bool { next.load(ordering: .relaxed) < count }
  var wantsHelp: Bool { helpers < mostHelpers && scope.hasSeat && hasItems }

  /// Runs items until none is left or, as a helper, until its seat is wanted back.
  func work(asHelper: Bool) {
    ThreadScope.$place.withValue(ThreadScope.Place(scope: scope, depth: depth)) {
      while true {
        let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard item < count else { return }
        // What comes behind an item that failed is not begun.
        if !body.pointee(item) { next.store(count, ordering: .relaxed) }
        if asHelper && scope.isOverdrawn { return }
      }
    }
  }

  /// Runs `body` for all of `0..<count`, which begin in order, on up to `threads` threads of the scope; returns when the
  /// last has ended.
  ///
  /// An item that returns false is the last to begin.
  static func run(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Bool) {
    let place = ThreadScope.place
    if let recorder = place?.scope.recorder, count > 1, threads > 1 {
      return recorder.fork(count, body)
    }
    guard count > 1, threads > 1, let place, place.scope.limit > 1 else {
      for item in 0..<count where !body(item) { return }
      return
    }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { body in
        let job = ForkJoin(
          place, count: count, mostHelpers: min(threads, count) - 1, body: body)
        Crew.shared.publish(job)
        job.work(asHelper: false)
        Crew.shared.finish(job)
      }
    }
  }
}
