import TestSupport
import Testing
import Verification

/// The committed cases about the demo base, where `make models` has fetched it.
@Suite(.enabled(if: Checkout.hasDemoBase), .serialized)
struct DemoCasesTests {
  @Test(arguments: [
    "decode/demo-base",
    "forward/demo-base", "forward/demo-banking77-r16", "forward/demo-clinc-domains-r8",
    "forward/demo-xs",
    "training/demo-ce-gradient", "training/demo-kd-gradient", "training/demo-adamw",
    "bases/demo",
  ])
  func passes(_ name: String) throws {
    let report = try Verifier().run(Checkout.path("golden"), only: [name])
    let result = try #require(report.results.first)
    #expect(result.state == .passed, "\(report.table)")
    print(report.table)
  }
}
