import Adapters
import Faults
import Testing

/// Words for modules where no adapter names them.
@Suite struct TargetModulesTests {
  private static let paths = [
    "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
    "model.layers.0.mlp.up_proj", "model.layers.10.self_attn.q_proj",
  ]

  private func places(_ words: [String]) throws -> [Int] {
    try TargetModules(words).places(among: Self.paths)
  }

  @Test func aPlainWordIsTheEndOfAPath() throws {
    #expect(try places(["q_proj"]) == [0, 3])
    #expect(try places(["v_proj", "q_proj"]) == [0, 1, 3])
    #expect(try places(["0.self_attn.q_proj"]) == [0])
    // A part of a component is none.
    #expect(throws: Fault.self) { try places(["proj"]) }
  }

  @Test func anythingElseIsAnExpressionOverTheWholePath() throws {
    #expect(try places([".*[.](q|v)_proj"]) == [0, 1, 3])
    #expect(try places([".*layers[.]0[.].*"]) == [0, 1, 2])
    #expect(throws: Fault.self) { try places(["(q|v)_proj"]) }
  }

  @Test func allOfThemHaveAWord() throws {
    #expect(try places([TargetModules.allLinear]) == [0, 1, 2, 3])
    #expect(try places([TargetModules.allLinear, "q_proj"]) == [0, 1, 2, 3])
  }

  @Test func whatNamesNothingIsRefused() throws {
    let fault = try #require(throws: Fault.self) { try places(["q_proj", "k_proj"]) }
    #expect(fault.code == "AD-TARGET" && fault.exitCode == 64)
    #expect(fault.reason.contains("\"k_proj\"") && fault.reason.contains(Self.paths[0]))
    let broken = try #require(throws: Fault.self) { try TargetModules(["q_proj("]) }
    #expect(broken.code == "AD-PATTERN")
  }
}
