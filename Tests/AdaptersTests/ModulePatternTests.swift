import Adapters
import Faults
import TestSupport
import Testing

@Suite struct ModulePatternTests {
  private static let names = [
    "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj",
    "model.layers.11.self_attn.q_proj", "model.layers.1.mlp.up_proj",
    "model.layers.12.mlp.down_proj", "model.layers.2.self_attn.k_proj", "q_proj", "xq_proj",
    "model.layers.1.self_attn.v_proj", "aaaaaaaaaaaaaaaaaaaaaaaaaaab",
  ]

  /// For each name, what Python's `re.match(r"(.*\.)?(PATTERN)$", name)` and
  /// `re.fullmatch(PATTERN, name)` say.
  static let cases: [(String, String, String)] = [
    (#"q_proj"#, "1110001000", "0000001000"),
    (#"self_attn.q_proj"#, "1110000000", "0000000000"),
    (#"model.layers.1.self_attn.q_proj"#, "0100000000", "0100000000"),
    (#"^model.layers.1.self_attn.q_proj"#, "0100000000", "0100000000"),
    (#"layers.[01].mlp"#, "0000000000", "0000000000"),
    (#"layers\.\d+\.mlp\.(up|down)_proj"#, "0001100000", "0000000000"),
    (#".*q_proj"#, "1110001100", "1110001100"),
    (#"q_proj$"#, "1110001000", "0000001000"),
    (#"proj"#, "0000000000", "0000000000"),
    (#"[^.]+_proj"#, "1111111110", "0000001100"),
    (#"(?:gate|up)_proj"#, "0001000000", "0000000000"),
    (#"layers.1{1,2}.*"#, "0111100010", "0000000000"),
    (#"mlp.up_proj|self_attn.v_proj"#, "0001000010", "0000000000"),
    (#"x?q_proj"#, "1110001100", "0000001100"),
    (#"^q_proj"#, "0000001000", "0000001000"),
    (#"lay.*?q_proj"#, "1110000000", "0000000000"),
    (#""#, "0000000000", "0000000000"),
    (#"\w+"#, "1111111111", "0000001101"),
    (#"layers.(1|2).*k_proj"#, "0000010000", "0000000000"),
  ]

  @Test(arguments: cases) func agreesWithPython(pattern: String, ends: String, whole: String) throws
  {
    let compiled = try ModulePattern(pattern)
    let names = ModulePatternTests.names
    #expect(names.map { compiled.matches($0) ? "1" : "0" }.joined() == ends)
    #expect(names.map { compiled.matchesWhole($0) ? "1" : "0" }.joined() == whole)
  }

  @Test(arguments: ["(a+)+", "(a*)*b?$c", "(a|aa)+x", "((a{1,8}){1,8})x", "(.*.*.*.*)*x"])
  func catastrophicPatternsTakeNoTime(pattern: String) throws {
    let clock = ContinuousClock()
    let elapsed = try clock.measure {
      let compiled = try ModulePattern(pattern)
      #expect(!compiled.matches(String(repeating: "a", count: 200) + "b"))
    }
    #expect(elapsed < .milliseconds(100))
  }

  static let refusals: [(String, Int32)] = [
    ("(", 65), (")", 65), ("a)", 65), ("[a", 65), ("*a", 65), ("a\\", 65), ("a{2,1}", 65),
    ("[z-a]", 65), ("(?=a)", 69), ("(?!a)", 69), ("(?P<n>a)", 69), ("(?i)a", 69), ("\\1", 69),
    ("\\bq", 69), ("a*+", 69), ("a{999}", 69), ("a{x}", 69), ("[\\D]", 69),
    ("((((a{64}){64}){64}){64}){64}", 69), ("((((){64}){64}){64}){64}", 69),
    (String(repeating: "(", count: 100) + String(repeating: ")", count: 100), 69),
    (String(repeating: "a", count: 2000), 69),
  ]

  @Test(arguments: refusals) func refuses(pattern: String, exitCode: Int32) {
    let found = fault { () throws(Fault) in try ModulePattern(pattern) }
    #expect(found?.code == "AD-PATTERN")
    #expect(found?.exitCode == exitCode)
  }
}
