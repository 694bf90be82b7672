import Glibc

/// What a piece of work was made of, with the time that one thread took for each part: what can be replayed on any number
/// of cores.
public struct Work: Sendable {
  /// Parts that follow one another.
  public enum Part: Sendable {
    /// Seconds that nothing else can share.
    case serial(Double)
    /// A fork-join: items that may run side by side.
    case fork([Work])
  }

  /// In order.
  public internal(set) var parts: [Part] = []

  /// Seconds of all parts, on one thread.
  public var seconds: Double {
    parts.reduce(0) { sum, part in
      switch part {
      case .serial(let seconds): sum + seconds
      case .fork(let items): sum + items.reduce(0) { $0 + $1.seconds }
      }
    }
  }

  /// Runs `body` on this thread alone, with every fork-join cut as for idle threads, and records what it did.
  public static func recorded<Failure: Error>(
    _ body: () throws(Failure) -> Void
  ) throws(Failure) -> Work {
    let recorder = WorkRecorder()
    let place = ThreadScope.Place(
      scope: ThreadScope(limit: 1, recorder: recorder), depth: 0)
    let result = ThreadScope.$place.withValue(place) {
      Result { () throws(Failure) in try body() }
    }
    try result.get()
    return recorder.end()
  }
}

/// Takes the time between fork-joins.
///
/// What it records runs on one thread, which alone touches it.
final class WorkRecorder: Sendable {
  private nonisolated(unsafe) var open = [Work()]
  private nonisolated(unsafe) var mark = WorkRecorder.now

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Runs the items of a fork-join one after another.
  func fork(_ count: Int, _ body: (Int) -> Bool) {
    closeSerial()
    var items: [Work] = []
    items.reserveCapacity(count)
    for item in 0..<count {
      open.append(Work())
      mark = WorkRecorder.now
      let goesOn = body(item)
      closeSerial()
      if let work = open.popLast() { items.append(work) }
      guard goesOn else { break }
    }
    open[open.count - 1].parts.append(.fork(items))
    mark = WorkRecorder.now
  }

  func end() -> Work {
    closeSerial()
    return open[0]
  }

  private func closeSerial() {
    open[open.count - 1].parts.append(.serial(WorkRecorder.now - mark))
  }
}
