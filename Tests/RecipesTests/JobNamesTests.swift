import Faults
import Recipes
import TestSupport
import Testing

@Suite struct JobNamesTests {
  @Test(arguments: ["a", "banking77-r16", "A.b_c+1", String(repeating: "x", count: 200)])
  func plainNamesStay(name: String) throws {
    try JobNames.check(name)
    #expect(JobNames.derived(fromPath: "some/where/\(name)/") == name)
  }

  @Test(arguments: [
    "", "../x", "a/b", "CON", "con.txt", "LPT1", "-rf", ".hidden", "a b", "caf\u{e9}",
    "a\u{1b}[31m",
    "dot.", String(repeating: "x", count: 201), String(repeating: "y", count: 4096), "..",
  ])
  func otherNamesAreRefused(name: String) throws {
    let fault = try #require(throws: Fault.self) { try JobNames.check(name) }
    #expect(fault.code == "NAME" && fault.kind == .badData)
  }

  @Test(arguments: [
    "my adapter", "caf\u{e9}", "CON", "-x", ".hidden", "a\nb", String(repeating: "y", count: 4096),
  ])
  func derivedNamesAreAlwaysUsable(original: String) throws {
    let name = JobNames.derived(fromPath: "in/\(original)")
    try JobNames.check(name)
    #expect(name.utf8.suffix(13).first == UInt8(ascii: "-"))
    #expect(JobNames.derived(fromPath: "other/\(original)") == name)
  }

  @Test func namesThatLookAlikeStayApart() {
    // Composed and decomposed accents sanitise to different stems or digests.
    #expect(
      JobNames.derived(fromPath: "a b") != JobNames.derived(fromPath: "a\tb"))
    #expect(
      JobNames.derived(fromPath: "caf\u{e9}") != JobNames.derived(fromPath: "cafe\u{301}"))
  }
}
