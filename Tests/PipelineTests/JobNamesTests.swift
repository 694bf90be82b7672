import Faults
import Files
import Pipeline
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

  @Test func outputInsideAnInputIsRefused() throws {
    try withTemporaryDirectory { folder in
      try Paths.makeDirectory("\(folder)/adapter/deep")
      try Paths.makeDirectory("\(folder)/adapter-2")
      for output in ["adapter", "adapter/", "adapter/new/run", "adapter/deep/../x", "adapter/deep"]
      {
        let fault = try #require(throws: Fault.self) {
          try OutputPlace.check("\(folder)/\(output)", against: ["\(folder)/adapter"])
        }
        #expect(fault.code == "OUT-IN" && fault.kind == .usage)
      }
      for output in ["run", "adapter-2", "adapter-3/x"] {
        try OutputPlace.check("\(folder)/\(output)", against: ["\(folder)/adapter"])
      }
    }
  }

  @Test(arguments: [
    ("800", 800), ("64KB", 64_000), ("64kb", 64_000), ("1.5MB", 1_500_000), ("512KiB", 524_288),
    ("0.5KiB", 512), ("2GB", 2_000_000_000), ("7B", 7), ("1.001KB", 1001),
  ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try ByteSize.parse(text) == bytes)
  }

  @Test(arguments: [
    "", "KB", "0", "0KB", "-1", "64 KB", "64Q", "1..5MB", ".5MB", "5.MB", "1.0001KB", "1.5",
    "9999999999GB", "9223372036854775807KB", "1e3", "0x10",
  ])
  func sizesRefused(text: String) throws {
    let fault = try #require(throws: Fault.self) { _ = try ByteSize.parse(text) }
    #expect(fault.code == "SIZE")
  }
}
