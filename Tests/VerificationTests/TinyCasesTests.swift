import Foundation
import TestSupport
import Testing
import Verification

/// The committed cases that need no download must pass with the product's own code.
struct TinyCasesTests {
  @Test(arguments: [
    "forward/tiny-base", "forward/tiny-lora", "forward/tiny-lora-patterns", "forward/tiny-xs",
    "training/tiny-ce-gradient", "training/tiny-kd-gradient", "training/tiny-adamw",
    "training/tiny-top-gradient",
    "bases/tiny", "projection/square-ranks", "projection/unequal-ranks",
    "selection/square", "selection/tall", "safetensors/conformance",
    "quantisers/latents-and-pairs", "artifact/int8-residual", "artifact/int4-top",
    "artifact/int3-budget", "artifact/int2-embedded", "artifact/f16-carried",
    "export/int8-residual", "export/int4-top", "export/int3-budget",
  ])
  func passes(_ name: String) throws { try check(name) }

  /// Every family, as Hugging Face folder and where there is one as GGUF file.
  @Test(arguments: models)
  func passesOfModels(_ name: String) throws { try check(name) }

  static let models: [String] = {
    let root = Checkout.path("golden/models")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter { FileManager.default.fileExists(atPath: "\(root)/\($0)/case.json") }
      .sorted().map { "models/" + $0 }
  }()

  @Test func everyModelIsACase() { #expect(Self.models.count >= 34) }

  private func check(_ name: String) throws {
    let report = try Verifier().run(Checkout.path("golden"), only: [name])
    let result = try #require(report.results.first)
    #expect(result.state == .passed, "\(report.table)")
    #expect(!result.measurements.isEmpty)
  }
}
