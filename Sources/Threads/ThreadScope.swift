import Synchronization

/// How many threads a piece of work may use, with all that it calls.
///
/// Every fork-join inside takes its helpers from the same seats, so that nested ones add up to the number asked for at the
/// outermost and never multiply.
final class ThreadScope: Sendable {
  /// The most threads, the caller's included.
  let limit: Int
  /// Seats that nobody works in.
  ///
  /// Below 0 for a moment where a thread that waited goes on: a helper then leaves.
  let seats: Atomic<Int>

  /// Where what runs is recorded instead of shared.
  let recorder: WorkRecorder?

  init(limit: Int, recorder: WorkRecorder? = nil) {
    self.limit = limit
    self.recorder = recorder
    seats = Atomic(limit - 1)
  }

  var hasSeat: Bool { seats.load(ordering: .relaxed) > 0 }
  var isOverdrawn: Bool { seats.load(ordering: .relaxed) < 0 }
  func sit() { seats.wrappingSubtract(1, ordering: .relaxed) }
  func stand() { seats.wrappingAdd(1, ordering: .relaxed) }

  /// Where the running code stands.
  struct Place: Sendable {
    let scope: ThreadScope
    /// Fork-joins around it.
    let depth: Int
  }

  /// The place of the code that runs on this thread; nil outside any scope.
  @TaskLocal static var place: Place?
}

/// Runs `body`, whose fork-joins use up to `count` threads in all; inside another scope that one's number holds.
public func withThreads<Result, Failure: Error>(
  _ count: Int, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard ThreadScope.place == nil else { return try body() }
  let place = ThreadScope.Place(scope: ThreadScope(limit: max(count, 1)), depth: 0)
  let result = ThreadScope.$place.withValue(place) {
    Swift.Result { () throws(Failure) in try body() }
  }
  return try result.get()
}

/// Threads that a fork-join could have beside its caller: those of its scope that are idle.
public var idleThreads: Int {
  guard let scope = ThreadScope.place?.scope else { return 0 }
  return max(scope.seats.load(ordering: .relaxed), 0)
}

/// Whether a fork-join would find a thread to share with: where none is idle, work need not be cut up.
public var hasIdleThreads: Bool {
  guard let scope = ThreadScope.place?.scope else { return false }
  return scope.hasSeat || scope.recorder != nil
}
