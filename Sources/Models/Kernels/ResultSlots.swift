import Foundation

/// A slot per task, written once each from any thread, and the counter that hands the tasks out.
///
/// `@unchecked Sendable`: every access holds the lock.
final class ResultSlots<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var slots: [Value?]
  private var next = 0

  init(count: Int) {
    slots = Array(repeating: nil, count: count)
  }

  /// The next task, each index once; nil when all are taken.
  func take() -> Int? {
    lock.withLock {
      guard next < slots.count else { return nil }
      defer { next += 1 }
      return next
    }
  }

  /// Stores the result of one task.
  func set(_ index: Int, _ value: Value) {
    lock.withLock { slots[index] = value }
  }

  /// All results, in index order.
  var values: [Value] { lock.withLock { slots.compactMap { $0 } } }
}
