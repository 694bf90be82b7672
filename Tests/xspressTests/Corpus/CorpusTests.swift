import Files
import Foundation
import TestSupport
import Testing

/// Every bad input of the corpus, given to the tool as a user would (`formats/errors.md` §1).
@Suite struct CorpusTests {
  /// Beside what is four times the input, which readers may hold.
  private static let allowance = 64 << 20

  @Test(arguments: CorpusCase.all) func endsAsThePageSays(_ item: CorpusCase) throws {
    try withTemporaryDirectory { root in
      let folder = Paths.join(root, "case")
      try Paths.makeDirectory(folder)
      let arguments = try item.make(folder)
      let before = try CorpusFolder(folder)
      let peak = Paths.join(root, "peak")
      let outcome = try Tool.run(arguments, cache: Paths.join(root, "cache"), peak: peak)
      #expect(outcome.status == item.status, "\(outcome.errors.prefix(500))")
      checkWords(outcome, item)
      var changes = try CorpusFolder(folder).changes(since: before)
      if item.status == 0, let place = arguments.firstIndex(of: "-o") {
        changes.remove(Paths.name(of: arguments[place + 1]))
      }
      #expect(changes.isEmpty, "\(changes)")
      try checkCache(Paths.join(root, "cache"))
      let bytes = try #require(Int(String(contentsOfFile: peak, encoding: .utf8)))
      #expect(bytes <= 4 * before.byteCount + Self.allowance, "\(bytes >> 20) MiB")
    }
  }

  private func checkWords(_ outcome: Tool.Outcome, _ item: CorpusCase) {
    guard let code = item.code else {
      #expect(outcome.faultLines.isEmpty, "\(outcome.errors.prefix(500))")
      for name in item.names {
        let isNamed = outcome.output.contains(name) || outcome.errors.contains(name)
        #expect(isNamed, "\(name): \(outcome.output.prefix(500)) \(outcome.errors.prefix(500))")
      }
      return
    }
    #expect(outcome.faultLines.count == 1, "\(outcome.errors.prefix(800))")
    let line = outcome.faultLines.first ?? ""
    #expect(line.hasPrefix("error: ") && line.hasSuffix(": \(code)"), "\(line)")
    #expect(line.utf8.count <= 400 && line.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    for name in item.names { #expect(line.contains(name), "\(name): \(line)") }
  }

  /// Caches may be filled; nothing in them is half-written.
  private func checkCache(_ path: String) throws {
    guard Paths.kind(of: path) == .directory else { return }
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
    #expect(!names.contains { $0.contains(".tmp-") }, "\(names)")
  }
}
