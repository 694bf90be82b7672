import Files
import Foundation
import TestSupport
import Testing

/// `formats/errors.md` §5 and the sources name the same code words.
@Suite struct ErrorDocumentTests {
  @Test func everyCodeWordIsListed() throws {
    let document = String(
      decoding: try InputFile(Checkout.path("formats/errors.md")).readAll(limit: 1 << 20),
      as: UTF8.self)
    var listed = Set<String>()
    for match in document.matches(of: /`([A-Z]+(?:-[A-Z0-9]+)*(?:-\*)?)`/) {
      listed.insert(String(match.1))
    }
    let sources = try FileManager.default.subpathsOfDirectory(atPath: Checkout.path("Sources"))
    var missing = Set<String>()
    for path in sources where path.hasSuffix(".swift") {
      let text = String(
        decoding: try InputFile(Checkout.path("Sources/\(path)")).readAll(limit: 1 << 24),
        as: UTF8.self)
      for match in text.matches(of: /Fault\(\s*\.[a-zA-Z]+,\s*"([A-Z0-9-]+)"/) {
        let word = String(match.1)
        let family = word.prefix { $0 != "-" } + "-*"
        if !listed.contains(word), !listed.contains(String(family)) { missing.insert(word) }
      }
    }
    #expect(missing.sorted() == [])
  }
}
