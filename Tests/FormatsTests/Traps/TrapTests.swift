import Files
import TestSupport
import Testing

/// The forty traps: each has a case that is run here, and where its behaviour is tested more closely in
/// another target, the test that does.
@Suite struct TrapTests {
  static let traps = (weights + values + adapters + adapterKinds + texts).sorted {
    $0.number < $1.number
  }

  @Test func allFortyAreListed() {
    #expect(Self.traps.map(\.number) == Array(1...40))
  }

  @Test(arguments: traps) func isAvoided(_ trap: Trap) throws {
    try trap.run()
    for test in trap.elsewhere {
      let text = String(
        decoding: try InputFile(Checkout.path(test.file)).readAll(limit: 1 << 20), as: UTF8.self)
      let isThere = text.contains(test.text)
      #expect(isThere, "\(test.file) no longer has: \(test.text)")
    }
  }
}
