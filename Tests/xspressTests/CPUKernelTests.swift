import Files
import JSON
import LinearAlgebra
import TestSupport
import Testing

/// `XSPRESS_CPU`: every level this machine has meets the golden answers.
@Suite struct CPUKernelTests {
  @Test(arguments: CPUKernels.available)
  func goldenAnswersHoldAtEveryLevel(level: String) throws {
    let cases = [
      "forward/tiny-lora", "training/tiny-kd-gradient", "training/tiny-adamw", "bases/tiny",
    ]
    let outcome = try Tool.run(
      ["verify", Checkout.path("golden"), "--json"] + cases.flatMap { ["--only", $0] },
      environment: [CPUKernels.variable: level])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let document = try JSONValue.parse(outcome.output)
    #expect(document["passed"]?.intValue == cases.count)
  }

  @Test(arguments: CPUKernels.available)
  func theRecordNamesTheLevel(level: String) throws {
    try withTemporaryDirectory { folder in
      let outcome = try Tool.run(
        [
          "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter",
          Checkout.path("golden/tiny/adapter"), "--rank", "2", "--json", "-o",
          Paths.join(folder, "x.loraxs"),
        ], cache: folder, environment: [CPUKernels.variable: level])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("own \(level)\""))
    }
  }

  /// A library that is older than the CPU takes it for one without AVX2, unless it is told.
  @Test(arguments: [nil, "Prescott"], ["Prescott", "Haswell"]) func olderLibrariesAreTold(
    asked: String?, known: String
  ) throws {
    #expect(OpenBLAS.family(of: known, level: "generic") == nil)
    #expect(OpenBLAS.family(of: known, level: "avx512") == (known == "Prescott" ? "SkylakeX" : nil))
    guard CPUKernels.available.contains("avx2") else { return }
    try withTemporaryDirectory { folder in
      let outcome = try Tool.run(
        [
          "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter",
          Checkout.path("golden/tiny/adapter"), "--rank", "2", "--json", "-o",
          Paths.join(folder, "x.loraxs"),
        ], cache: folder, environment: asked.map { [OpenBLAS.variable: $0] } ?? [:])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("OpenBLAS Prescott") == (asked == "Prescott"))
    }
  }

  @Test(arguments: ["sse9", "AVX2"]) func unknownLevelsAreRefused(level: String) throws {
    let outcome = try Tool.run(["--version"], environment: [CPUKernels.variable: level])
    #expect(outcome.status == 64 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("this CPU has generic") && outcome.errorLines.count == 1)
  }

  @Test func aLevelAboveTheCPUIsRefused() throws {
    guard CPUKernels.available.last != "avx512bf16" else { return }
    let outcome = try Tool.run(["--version"], environment: [CPUKernels.variable: "avx512bf16"])
    #expect(outcome.status == 64 && outcome.errors.contains("asks for avx512bf16"))
  }
}
