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

  /// Ends the task and leaves one line that says how long it took; later calls do nothing.
  public func finish(detail: String? = nil) {
    log.finish(identifier, detail: detail)
  }
}
