import Faults
import Synchronization
import Testing
import Threads

@Suite struct LenderTests {
  private final class Value {
    var isLent = false
  }

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  /// Nobody shares a value, and there are no more of them than were used at once.
  @Test func valuesAreInOneHand() throws {
    let made = Count()
    let lender = Lender { () -> Value in
      made.value.wrappingAdd(1, ordering: .relaxed)
      return Value()
    }
    _ = try parallelMap(100, threads: 4) { (_) throws(Fault) in
      lender.lend { value in
        #expect(!value.isLent)
        value.isLent = true
        spin(microseconds: 50)
        value.isLent = false
      }
    }
    let count = made.value.load(ordering: .relaxed)
    #expect((1...4).contains(count))
  }
}
