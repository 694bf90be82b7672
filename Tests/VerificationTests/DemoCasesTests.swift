import TestSupport
import Testing
import Verification

/// The committed cases about the demo base, where `make models` has fetched it.
@Suite(.enabled(if: Checkout.hasDemoBase))
struct DemoCasesTests {
  // In one run, so that the base is opened and its weights are loaded once.
  @Test func pass() throws {
    let names = [
      "decode/demo-base", "tokenizer/demo-texts", "tokenizer/llama-cpp-vectors",
      "forward/demo-base", "forward/demo-banking77-r16", "forward/demo-clinc-domains-r8",
      "forward/demo-xs", "training/demo-ce-gradient", "training/demo-kd-gradient",
      "training/demo-adamw", "bases/demo", "evaluation/banking77-lora",
      "evaluation/clinc-domains-lora",
    ]
    let report = try Verifier().run(Checkout.path("golden"), only: names)
    #expect(report.results.count == names.count)
    #expect(report.allPassed, "\(report.table)")
  }
}
