import Adapters
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing

/// Module patterns against Python's `re` (`golden/tools/make_patterns.py`).
@Suite struct ModulePatternTests {
  @Test func agreesWithPython() throws {
    let text = try InputFile(Checkout.path("golden/patterns/answers.json")).readAll(limit: 1 << 20)
    let root = JSONField(try JSONValue.parse(text))
    let names = try root["names"].array().map { try $0.string() }
    let cases = try root["patterns"].array()
    #expect(cases.count > 100 && names.count > 15)
    for entry in cases {
      let pattern = try entry["pattern"].string()
      for (form, member) in [
        (ModulePattern.Form.ending, "ending"), (.whole, "whole"), (.component, "component"),
      ] {
        guard entry[member].isPresent else {
          // Python takes it for no expression: so do we, or for more than we read.
          #expect(
            fault { () throws(Fault) in try ModulePattern(pattern, form) }?.code == "AD-PATTERN",
            "\(member) \(pattern)")
          continue
        }
        let answer = try entry[member].string()
        guard let compiled = try? ModulePattern(pattern, form) else {
          Issue.record("\(member) \(pattern) is not understood")
          continue
        }
        let found = names.map { compiled.matches($0).map { $0 ? "1" : "0" } ?? "?" }.joined()
        #expect(found == answer, "\(member) \(pattern)")
      }
      guard entry["layers"].isPresent else { continue }
      let compiled = try ModulePattern(pattern, .layer)
      for (name, answer) in zip(names, try entry["layers"].array()) {
        let found = compiled.layer(in: name)
        #expect(found == .some(answer.value?.intValue), "\(pattern) in \(name)")
      }
    }
  }

  @Test func layersWithoutAPattern() throws {
    let pattern = try ModulePattern("", .anyLayer)
    for (name, layer) in [
      ("model.layers.3.mlp.experts.7.down_proj", 3), ("a.h.12.x", 12), ("layers.3.x", nil),
      ("model.norm", nil), ("a.layers.99999999999999999999.x", nil),
    ] as [(String, Int?)] {
      #expect(pattern.layer(in: name) == .some(layer), "\(name)")
    }
  }

  @Test(arguments: [
    "(a+)+", "(a+)+$", "(a*)*b?$c", "(a|aa)+x", "((a{1,8}){1,8})x", "(.*.*.*.*)*x",
    "(?=(a+)+c)a", "((?=(a*)*c)a)*c", "(?>(a|aa)+)c",
  ])
  func catastrophicPatternsTakeNoTime(pattern: String) throws {
    let clock = ContinuousClock()
    // The best of three: tests share the machine.
    let elapsed = try (0..<3).map { _ in
      try clock.measure {
        let compiled = try ModulePattern(pattern)
        #expect(compiled.matches(String(repeating: "a", count: 200) + "b") != true)
      }
    }
    #expect(try #require(elapsed.min()) < .milliseconds(100))
  }

  /// What would take too long has no answer.
  @Test func theBudgetEndsTheSearch() throws {
    let name = String(repeating: "a", count: 3000) + "."
    let pattern = "(?:(?!(?:(?!(?:(?!c).)*c).)*c).)*x"
    #expect(try ModulePattern(pattern, .whole).matches(name) == nil)
    #expect(try ModulePattern("a*x", .whole).matches(String(repeating: "a", count: 5000)) == nil)
  }

  static let refusals: [(String, Int32)] = [
    ("(", 65), (")", 65), ("a)", 65), ("[a", 65), ("*a", 65), ("a\\", 65), ("a{2,1}", 65),
    ("[z-a]", 65), ("a**", 65), ("\\q", 65), ("(?<=a+)b", 65), ("q(?i)", 65), ("(?z)", 65),
    ("(?P=n)", 69), ("(a)\\1", 69), ("(a)(?(1)b|c)", 69), ("\\012", 69), ("a{99999}", 69),
    ("((((a{64}){64}){64}){64}){64}", 69), ("((((){64}){64}){64}){64}", 69),
    (String(repeating: "(", count: 100) + String(repeating: ")", count: 100), 69),
    (String(repeating: "a", count: 70_000), 69), ("(?P<n", 65), ("(?", 65), ("(?<", 65),
    ("(?i", 65), ("(?L)a", 69),
    ("{2}a", 65), ("\\p{", 65), ("\\x4", 65), ("\\xg0", 65), ("[", 65), ("[^", 65), ("(?<n>a)", 65),
  ]

  @Test(arguments: refusals) func refuses(pattern: String, exitCode: Int32) {
    let found = fault { () throws(Fault) in try ModulePattern(pattern, .whole) }
    #expect(found?.code == "AD-PATTERN")
    #expect(found?.exitCode == exitCode, "\(found?.reason ?? "accepted")")
  }
}
