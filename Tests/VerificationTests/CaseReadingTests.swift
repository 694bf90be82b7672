import Foundation
import TestSupport
import Testing
import Verification

/// Every check on a case file refuses, and a refused case fails without stopping the others
/// (`formats/golden.md` §2, §3).
struct CaseReadingTests {
  private func result(
    _ folder: CaseFolder, text: String? = nil
  ) throws -> CaseResult {
    try withTemporaryDirectory { directory in
      try folder.write(to: directory, text: text)
      return try #require(try Verifier().run(directory).results.first)
    }
  }

  @Test func acceptsTheUndamagedCase() throws {
    let result = try result(CaseFolder())
    #expect(result.state == .passed, "\(result.reason ?? "")")
    #expect(result.name == "area/one")
    #expect(result.measurements.map(\.name) == ["verdicts", "contents"])
  }

  @Test(arguments: [
    ("schema", "\"xspress.golden/2\"", "GV-SCHEMA"),
    ("schema", nil, "GV-FIELD"),
    ("kind", nil, "GV-FIELD"),
    ("kind", "1", "GV-FIELD"),
    ("title", nil, "GV-FIELD"),
    ("inputs", nil, "GV-FIELD"),
    ("inputs", "{\"files\": {}}", "GV-FIELD"),
    ("inputs", "{\"files\": {\"path\": \"/etc/passwd\", \"sha256\": \"\"}}", "GV-PATH"),
    ("inputs", "{\"files\": {\"path\": \"../x\", \"sha256\": \"\"}}", "GV-PATH"),
    ("inputs", "{\"files\": {\"path\": \"a/../../x\", \"sha256\": \"\"}}", "GV-PATH"),
    ("inputs", "{\"files\": {\"path\": \"a//b\", \"sha256\": \"\"}}", "GV-PATH"),
    ("inputs", "{\"files\": {\"path\": \"files\", \"sha256\": \"12\"}}", "GV-FIELD"),
    ("inputs", "{\"files\": {\"path\": \"files\", \"files\": {\"../a\": \"12\"}}}", "GV-PATH"),
    ("inputs", "{}", "GV-FIELD"),
    ("seed", "-1", "GV-FIELD"),
    ("parameters", nil, "GV-FIELD"),
    ("parameters", "[]", "GV-FIELD"),
    ("tolerances", nil, "GV-FIELD"),
    ("tolerances", "{\"a\": -1}", "GV-FIELD"),
    ("tolerances", "{\"a\": \"1\"}", "GV-FIELD"),
    ("expected", nil, "GV-FIELD"),
    ("provenance", nil, "GV-FIELD"),
    ("provenance", "{\"generator\": \"by hand\"}", "GV-FIELD"),
  ])
  func refuses(_ key: String, _ json: String?, _ code: String) throws {
    var folder = CaseFolder()
    if key == "seed" { folder.members.append((key, json)) }
    let result = try result(folder.with(key, json))
    #expect(result.state == .failed)
    #expect(result.reason?.hasSuffix(code) == true, "\(result.reason ?? "passed")")
  }

  @Test(arguments: ["", "{", "[]", "{\"schema\": 1, \"schema\": 1}", "{} x"])
  func refusesWhatIsNotACase(_ text: String) throws {
    #expect(try result(CaseFolder(), text: text).state == .failed)
  }

  @Test func failsOnAnotherInput() throws {
    let other = CaseFolder.digest.replacingOccurrences(of: "a", with: "b")
    let inputs = "{\"files\": {\"path\": \"files\", \"files\": {\"a.safetensors\": \"\(other)\"}}}"
    let result = try result(CaseFolder().with("inputs", inputs))
    #expect(result.state == .failed)
    #expect(result.reason?.hasSuffix("GV-DIGEST") == true)
  }

  @Test func skipsAnAbsentInputAndAnUnknownKind() throws {
    let absent = CaseFolder().with("inputs", "{\"files\": {\"path\": \"nowhere\", \"files\": {}}}")
    let first = try result(absent)
    #expect(first.state == .skipped)
    #expect(first.reason?.contains("nowhere") == true)
    let second = try result(CaseFolder().with("kind", "\"astrology\""))
    #expect(second.state == .skipped)
    #expect(second.reason?.contains("astrology") == true)
  }

  @Test func leavesSlowCasesOutWhenAsked() throws {
    try withTemporaryDirectory { directory in
      try CaseFolder().with("parameters", "{\"slow\": true}").write(to: directory)
      #expect(try Verifier().run(directory).allPassed)
      let quick = try Verifier(.init(includesSlow: false)).run(directory)
      #expect(quick.results.isEmpty)
      #expect(quick.leftOut == 1)
      // Leaving everything out proves nothing.
      #expect(!quick.allPassed)
    }
  }

  @Test func findsPathsBesideTheCaseInTheDirectoryAndAboveIt() throws {
    try withTemporaryDirectory { directory in
      for place in ["golden/area/one/files", "golden/files", "files"] {
        try CaseFolder().write(to: directory + "/golden")
        let private1 = directory + "/golden/area/one/files"
        if place != "golden/area/one/files" {
          try FileManager.default.moveItem(atPath: private1, toPath: directory + "/" + place)
        }
        let report = try Verifier().run(directory + "/golden")
        #expect(report.allPassed, "\(place): \(report.table)")
        try FileManager.default.removeItem(atPath: directory + "/" + place)
      }
    }
  }

  @Test func failsWhereTheAnswerDiffers() throws {
    let refused = CaseFolder().with("expected", "{\"files\": {\"a\": {\"ours\": \"refuse\"}}}")
    #expect(try result(refused).state == .failed)
    let empty = CaseFolder().with("expected", "{\"files\": {}}")
    #expect(try result(empty).state == .passed)
  }

  @Test func goesOnAfterAFailure() throws {
    try withTemporaryDirectory { directory in
      try CaseFolder().write(to: directory, name: "a", text: "{")
      try CaseFolder().write(to: directory, name: "b")
      let report = try Verifier().run(directory)
      #expect(report.results.map(\.state) == [.failed, .passed])
      #expect(!report.allPassed)
    }
  }
}
