import Files
import Foundation
import JSON
import TestSupport
import Testing

/// `xspress golden record`: cases of one's own results.
@Suite struct GoldenCommandTests {
  private func states(_ outcome: Tool.Outcome) throws -> [String: String] {
    var states: [String: String] = [:]
    for entry in try JSONValue.parse(outcome.output)["cases"]?.arrayValue ?? [] {
      states[entry["name"]?.stringValue ?? ""] = entry["state"]?.stringValue
    }
    return states
  }

  @Test func aRunIsKeptAndHeldAgainstALaterOne() throws {
    try withTemporaryDirectory { folder in
      func tool(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(arguments, cache: "\(folder)/cache")
      }
      let (golden, first, second) = (
        "\(folder)/golden", "\(folder)/first", "\(folder)/second"
      )
      try FileManager.default.copyItem(
        atPath: Checkout.path("golden/tiny/model"), toPath: "\(folder)/model")
      try FileManager.default.copyItem(
        atPath: Checkout.path("golden/tiny/adapter"), toPath: "\(folder)/plain")
      func manifest(_ rank: String) -> String {
        """
        schema: xspress.manifest/1
        bases:
          tiny: {path: model}
        defaults: {base: tiny, rank: \(rank)}
        adapters:
          - {path: plain, name: one}
          - {path: plain, name: two, store: int3}
        """
      }
      _ = try AtomicFile.write("\(folder)/m.yaml", text: manifest("4"))
      #expect(try tool("batch", "\(folder)/m.yaml", "-o", first).status == 0)
      let recorded = try tool("golden", "record", first, "-o", golden, "--json")
      #expect(recorded.status == 0, "\(recorded.errors)")
      #expect(try states(recorded) == ["one.conversion": "new", "two.conversion": "new"])
      let verified = try tool("verify", golden)
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
      #expect(
        try states(tool("golden", "record", first, "-o", golden, "--json")).values.allSatisfy {
          $0 == "same"
        })

      // Another rank is another answer, and is not taken for the old one.
      _ = try AtomicFile.write("\(folder)/m.yaml", text: manifest("5x3"))
      #expect(try tool("batch", "\(folder)/m.yaml", "-o", second).status == 0)
      let kept = try InputFile("\(golden)/one.conversion/case.json").readAll(limit: 1 << 20)
      let differing = try tool("golden", "record", second, "-o", golden, "--json")
      #expect(differing.status == 65)
      #expect(differing.errors.contains("GV-CHANGED"))
      #expect(differing.output.contains("parameters.recipe.options.rank"))
      #expect(try InputFile("\(golden)/one.conversion/case.json").readAll(limit: 1 << 20) == kept)
      let accepted = try tool("golden", "record", second, "-o", golden, "--accept")
      #expect(accepted.status == 0, "\(accepted.errors)")
      #expect(try tool("verify", golden).status == 0)
    }
  }

  @Test func aChangedArtifactFails() throws {
    try withTemporaryDirectory { folder in
      func tool(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(arguments, cache: "\(folder)/cache")
      }
      try FileManager.default.copyItem(
        atPath: Checkout.path("golden/tiny/model"), toPath: "\(folder)/model")
      try FileManager.default.copyItem(
        atPath: Checkout.path("golden/tiny/adapter"), toPath: "\(folder)/plain")
      _ = try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: model}}
          adapters: [{path: plain, base: tiny, rank: 4}]
          """)
      #expect(try tool("batch", "\(folder)/m.yaml", "-o", "\(folder)/run").status == 0)
      #expect(try tool("golden", "record", "\(folder)/run", "-o", "\(folder)/golden").status == 0)
      // The case now asks for less than what was kept was made with.
      let path = "\(folder)/golden/plain.conversion/case.json"
      let text = String(decoding: try InputFile(path).readAll(limit: 1 << 20), as: UTF8.self)
      _ = try AtomicFile.write(
        path, text: text.replacing("\"store\": \"int8\"", with: "\"store\": \"int2\""))
      let verified = try tool("verify", "\(folder)/golden")
      #expect(verified.status == 65)
      #expect(verified.output.contains("update of the worst module"))
    }
  }

  @Test func inputsElsewhereAreRefused() throws {
    try withTemporaryDirectory { folder in
      let adapter = Checkout.path("golden/tiny/adapter")
      _ = try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(Checkout.path("golden/tiny/model"))}}
          adapters: [{path: \(adapter), base: tiny, rank: 4}]
          """)
      let cache = "\(folder)/cache"
      #expect(
        try Tool.run(["batch", "\(folder)/m.yaml", "-o", "\(folder)/run"], cache: cache).status == 0
      )
      let recorded = try Tool.run(
        ["golden", "record", "\(folder)/run", "-o", "\(folder)/golden"], cache: cache)
      #expect(recorded.status == 64)
      #expect(recorded.faultLines.count == 1 && recorded.errors.contains("GV-PLACE"))
      #expect(Paths.kind(of: "\(folder)/golden") == .missing)
    }
  }
}
