import Faults
import Foundation
import TestSupport
import Testing
import Verification

/// `formats/golden.md` §1.
struct GoldenDirectoryTests {
  @Test func findsCasesInTheOrderOfTheirPaths() throws {
    try withTemporaryDirectory { directory in
      for name in ["b/2", "b/10", "a", ".hidden/c"] {
        try CaseFolder().write(to: directory, name: name)
      }
      try FileManager.default.createSymbolicLink(
        atPath: directory + "/loop", withDestinationPath: directory)
      #expect(try GoldenDirectory(directory).caseNames == ["a", "b/10", "b/2"])
    }
  }

  @Test func refusesADirectoryWithoutCases() throws {
    try withTemporaryDirectory { directory in
      let fault = #expect(throws: Fault.self) { try GoldenDirectory(directory) }
      #expect(fault?.code == "GV-EMPTY")
      #expect(fault?.exitCode == 65)
      let absent = #expect(throws: Fault.self) { try GoldenDirectory(directory + "/absent") }
      #expect(absent?.exitCode == 66)
    }
  }

  @Test func refusesANameThatIsNotThere() throws {
    try withTemporaryDirectory { directory in
      try CaseFolder().write(to: directory)
      let fault = #expect(throws: Fault.self) { try Verifier().run(directory, only: ["x"]) }
      #expect(fault?.exitCode == 64)
    }
  }

  /// A golden case without a provenance row is a number somebody made up.
  @Test func everyCommittedCaseIsReadableAndHasARow() throws {
    let golden = try GoldenDirectory(Checkout.path("golden"))
    let readme = try String(contentsOfFile: Checkout.path("golden/README.md"), encoding: .utf8)
    #expect(golden.caseNames.count >= 20)
    for name in golden.caseNames {
      let golden = try GoldenCase.read(golden.folder(name), name: name)
      let area = try #require(golden.name.split(separator: "/").first)
      #expect(readme.contains("`\(area)/"), "no row for \(name)")
    }
  }
}
