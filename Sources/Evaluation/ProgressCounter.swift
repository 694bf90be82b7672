import Foundation

/// Adds up what several threads have done and reports the sum, one call at a time.
///
/// `@unchecked Sendable`: every access holds the lock.
public final class ProgressCounter: @unchecked Sendable {
  private let lock = NSLock()
  private var done = 0
  private let report: (Int) -> Void

  /// A counter that calls `report` with the sum so far.
  public init(_ report: @escaping (Int) -> Void) {
    self.report = report
  }

  /// Adds `count` items.
  public func add(_ count: Int) {
    lock.withLock {
      done += count
      report(done)
    }
  }
}
