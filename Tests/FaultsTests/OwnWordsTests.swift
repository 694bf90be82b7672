import Foundation
import TestSupport
import Testing

/// An error line is ASCII: what the program says itself must not come out as `\\xc2\\xb1`.
@Suite struct OwnWordsTests {
  /// Files of these targets write pages, tables of figures, help and vocabularies, not error lines.
  private static let writesUnicode = [
    "Sources/Reports/", "Sources/Tokenizers/", "Sources/Benchmarks/",
    "Sources/xspress/Output/EvaluationTable.swift", "Sources/xspress/RootCommand.swift",
    "Sources/xspress/Commands/DiffCommand.swift", "Sources/Recipes/Fields/Form.swift",
    "Sources/Recipes/Fields/Field+All.swift",
    "Sources/Verification/Results/VerificationReport+Markdown.swift",
  ]

  @Test func messagesAreASCII() throws {
    let root = Checkout.path("Sources")
    let files = try #require(FileManager.default.enumerator(atPath: root))
    var found: [String] = []
    var count = 0
    for case let file as String in files where file.hasSuffix(".swift") {
      let path = "Sources/" + file
      guard !OwnWordsTests.writesUnicode.contains(where: path.hasPrefix) else { continue }
      count += 1
      let text = try String(contentsOfFile: root + "/" + file, encoding: .utf8)
      for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
      where !line.allSatisfy(\.isASCII) {
        let code = line.drop { $0 == " " }
        if !code.hasPrefix("//") { found.append("\(path):\(number + 1)") }
      }
    }
    #expect(count > 100)
    #expect(found.isEmpty, "\(found)")
  }
}
