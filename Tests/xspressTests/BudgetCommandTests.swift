import Artifacts
import Files
import TestSupport
import Testing

/// Sizes as written, and proofs as read, on the tiny model.
@Suite struct BudgetCommandTests {
  private let model = Checkout.path("golden/tiny/model")
  private let adapter = Checkout.path("golden/tiny/adapter")

  private func convert(_ options: [String], to path: String, in folder: String) throws
    -> Tool.Outcome
  {
    try Tool.run(
      ["convert", "--base", model, "--adapter", adapter, "-o", path] + options, cache: folder)
  }

  @Test(arguments: [
    ["--store", "int8"], ["--store", "int2"], ["--store", "f16"],
    ["--store", "int4", "--allocation", "energy"], ["--store", "int3", "--directions", "top"],
    ["--residual", "300B", "--residual-store", "int3"],
  ])
  func artifactsStayWithinTheirBudget(options: [String]) throws {
    try withTemporaryDirectory { folder in
      var sizes: [Int] = []
      for budget in [2200, 2800] {
        let path = Paths.join(folder, "\(budget).loraxs")
        let outcome = try convert(
          ["--budget", "\(budget)"] + options, to: path, in: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let size = try InputFile(path).readAll(limit: 1 << 20).count
        #expect(size <= budget)
        sizes.append(size)
      }
      #expect(sizes[0] < sizes[1])
      #expect(Double(sizes[1]) > 0.7 * 2800)
    }
  }

  @Test func aBudgetThatNothingFitsIsRefused() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.loraxs")
      let outcome = try convert(["--budget", "400"], to: path, in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("JOB-BUDGET"))
      #expect(Paths.kind(of: path) == .missing)
    }
  }

  /// The one byte of check, then the probe, each without the other's help.
  @Test func mistakenDirectionsAreRefusedInOneLine() throws {
    try withTemporaryDirectory { folder in
      let path = Paths.join(folder, "a.loraxs")
      #expect(try convert(["--rank", "4x2"], to: path, in: folder).status == 0)
      let artifact = try Artifact.read(path)
      let free = try #require((0..<8).first { !artifact.modules[0].outputIndices.contains($0) })
      for proof in ["check", "probe"] {
        var changed = artifact
        changed.modules[0].outputIndices[0] = free
        changed.modules[0].outputIndices.sort()
        for index in changed.modules.indices {
          if proof == "check" { changed.modules[index].probes = [] }
          if proof == "probe" { changed.modules[index].valueCheck = nil }
        }
        let other = Paths.join(folder, "\(proof).loraxs")
        try changed.write(other)
        let outcome = try Tool.run(
          ["export", other, "--base", model, "--to", "peft", "-o", Paths.join(folder, proof)],
          cache: folder)
        #expect(outcome.status == 65)
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errors.contains("ART-BASIS") && outcome.errors.contains(proof))
        #expect(outcome.errors.contains(artifact.modules[0].moduleName))
      }
    }
  }
}
