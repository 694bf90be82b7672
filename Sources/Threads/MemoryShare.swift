/// Admission by bytes: what the items of a ``parallelMap(_:threads:memory:_:)`` that run at once may use together.
///
/// Admission decides when an item begins and nothing else, so results do not depend on it.
public final class MemoryShare: Sendable {
  private let limit: Int
  private let bytes: @Sendable (Int) -> Int
  /// Guarded by the ``Crew``'s lock.
  private nonisolated(unsafe) var used = 0
  private nonisolated(unsafe) var running = 0

  /// `limit` bytes for items that need `bytes` each, at their most.
  public init(_ limit: Int, bytes: @escaping @Sendable (_ index: Int) -> Int) {
    self.limit = limit
    self.bytes = bytes
  }

  /// Waits until the item fits, or is alone.
  func enter(_ index: Int) {
    let needed = bytes(index)
    Crew.shared.wait {
      guard running == 0 || needed <= limit - used else { return false }
      running += 1
      used += needed
      return true
    }
  }

  func leave(_ index: Int) {
    let freed = bytes(index)
    Crew.shared.announce {
      running -= 1
      used -= freed
    }
  }
}
