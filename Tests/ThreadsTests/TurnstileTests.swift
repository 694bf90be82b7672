import Faults
import Synchronization
import Testing
import Threads

@Suite struct TurnstileTests {
  /// Items add in the order of their numbers, and those who wait help with what the others share out.
  @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 5, 16]) func passesInOrder(threads: Int) throws {
    let turnstiles = (0..<3).map { _ in Turnstile() }
    let seen = Mutex<[[Int]]>([[], [], []])
    _ = try parallelMap(12, threads: threads) { (index) throws(Fault) in
      for (place, turnstile) in turnstiles.enumerated() {
        shareOut(20, grain: 1, over: 0) { _, _ in spin(microseconds: 20 * (12 - index)) }
        turnstile.pass(index) { seen.withLock { $0[place].append(index) } }
      }
    }
    #expect(seen.withLock { $0 } == Array(repeating: Array(0..<12), count: 3))
  }

  /// A failed item closes the turnstile, and nobody waits for it.
  @Test(.timeLimit(.minutes(1))) func closes() {
    let turnstile = Turnstile()
    let fault = #expect(throws: Fault.self) {
      _ = try parallelMap(8, threads: 8) { (index) throws(Fault) in
        if index == 2 {
          turnstile.close()
          throw Fault(.badData, "TEST", "two")
        }
        turnstile.pass(index) {}
      }
    }
    #expect(fault?.reason == "two")
  }
}
