import Foundation
import JSON
import TestSupport
import Testing
import Verification

/// `formats/golden.md` §7.
struct ReportTests {
  private func report() throws -> VerificationReport {
    try withTemporaryDirectory { directory in
      try CaseFolder().write(to: directory, name: "good")
      try CaseFolder().with("kind", "\"a<b>&\\\"c\\u0001\"").write(to: directory, name: "odd")
      try CaseFolder().write(to: directory, name: "bad", text: "{")
      return try Verifier().run(directory)
    }
  }

  @Test func countsStates() throws {
    let report = try report()
    #expect(report.summary == "3 cases: 1 passed, 1 failed, 1 skipped")
    #expect(!report.allPassed)
    #expect(!VerificationReport(directory: "x", results: []).allPassed)
    #expect(report.table.hasSuffix(report.summary + "\n"))
    #expect(report.table.split(separator: "\n").count == 4)
  }

  @Test func aSkippedCaseIsNotAPassedOne() throws {
    let report = try report()
    let skipped = report.results.filter { $0.state == .skipped }
    #expect(!VerificationReport(directory: "x", results: skipped).allPassed)
    let passed = report.results.filter { $0.state == .passed }
    #expect(VerificationReport(directory: "x", results: passed).allPassed)
  }

  @Test func writesMarkdown() throws {
    let lines = try report().markdown.split(separator: "\n").map(String.init)
    let rows = lines.filter { $0.hasPrefix("| ") }.dropFirst()
    #expect(rows.count == 3)
    // What did not pass comes first.
    let states = rows.map { $0.split(separator: "|")[1].trimmingCharacters(in: .whitespaces) }
    #expect(Array(states) == ["failed", "skipped", "passed"])
    #expect(lines.contains("3 cases: 1 passed, 1 failed, 1 skipped."))
  }

  @Test func writesJSON() throws {
    let json = try JSONValue.parse(try report().json.text(pretty: true))
    #expect(json["schema"]?.stringValue == "xspress.verify/1")
    #expect(json["cases"]?.intValue == 3)
    let results = try #require(json["results"]?.arrayValue)
    #expect(results.map { $0["state"]?.stringValue } == ["failed", "passed", "skipped"])
    #expect(results[1]["measurements"]?.arrayValue?.count == 2)
    #expect(results[1]["reason"]?.isNull == true)
  }

  @Test func writesWellFormedJUnit() throws {
    let xml = try report().junit
    #expect(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""))
    #expect(xml.contains("classname=\"a&lt;b&gt;&amp;&quot;c\u{fffd}\""))
    #expect(xml.contains("<skipped message="))
    #expect(xml.contains("<failure message="))
    #expect(!xml.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
  }

  @Test func judgesMeasurements() {
    #expect(Measurement("a", error: 1e-6, tolerance: 1e-6).passed)
    #expect(!Measurement("a", error: 1.1e-6, tolerance: 1e-6).passed)
    #expect(!Measurement("a", error: .nan, tolerance: 1).passed)
    #expect(!Measurement("a", error: .infinity, tolerance: .greatestFiniteMagnitude).passed)
    #expect(Measurement.exact("a", differences: 0).passed)
    #expect(!Measurement.exact("a", differences: 1).passed)
  }
}
