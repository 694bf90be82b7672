/// A handle on one counted piece of work; safe to use from any thread.
public struct ProgressTask: Sendable {
  let log: ProgressLog
  let identifier: Int

  /// Says that `completed` items are done in all.
  public func update(completed: Int, detail: String? = nil) {
    log.change(identifier) { state in
      state.completed = completed
      if let detail { state.detail = ProgressText.safe(detail) }
    }
  }

  /// Says that `count` more items are done.
  public func advance(by count: Int = 1, detail: String? = nil) {
    log.change(identifier) { state in
      state.completed += count
      if let detail { state.detail = ProgressText.safe(detail) }
    }
  }

  /// Says that `count` more items were found done: they say nothing about the pace.
  public func pass(_ count: Int = 1, detail: String? = nil) {
    log.change(identifier) { state in
      state.completed += count
      state.resumedAt += count
      if let detail { state.detail = ProgressText.safe(detail) }
    }
  }

  /// Ends the task and leaves one line that says how long it took; later calls do nothing.
  ///
  /// - Parameter isPart: It was a part of another task on its live line, which has a line of its own in the end: beside live
  ///   lines none is left.
  public func finish(detail: String? = nil, isPart: Bool = false) {
    log.finish(identifier, detail: detail, isPart: isPart)
  }
}
