import Foundation

/// A result slot per task, written once each from any thread.
///
/// `@unchecked Sendable`: every access holds the lock.
final class Slots<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var storage: [Value?]

  init(count: Int) {
    storage = Array(repeating: nil, count: count)
  }

  func set(_ index: Int, _ value: Value) {
    lock.withLock { storage[index] = value }
  }

  var values: [Value?] { lock.withLock { storage } }
}

/// Hands out `0..<limit`, each number once.
///
/// `@unchecked Sendable`: every access holds the lock.
final class WorkCounter: @unchecked Sendable {
  private let lock = NSLock()
  private var nextIndex = 0
  private let limit: Int

  init(limit: Int) {
    self.limit = limit
  }

  func take() -> Int? {
    lock.withLock {
      guard nextIndex < limit else { return nil }
      defer { nextIndex += 1 }
      return nextIndex
    }
  }
}
