import Foundation
import TestSupport
import Testing

/// `formats/corpus.md`, the table of cases and the tests that the page names are one.
@Suite struct CorpusPageTests {
  struct Row: Sendable, CustomStringConvertible {
    let item: Int
    /// Exit codes and code words, as `CorpusCase.outcome` writes them.
    let outcomes: Set<String>
    /// The last cell: `corpus`, tests as `Suite.function`, what is open.
    let shownBy: String
    var description: String { "\(item)" }

    /// A row of the page; nil for a line that is none.
    init?(_ line: Substring) {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 6, let item = Int(cells[1]) else { return nil }
      self.item = item
      outcomes = Set(
        cells[3].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
      shownBy = cells[4]
    }

    var namesTheCorpus: Bool {
      shownBy.split(separator: ";").contains {
        $0.trimmingCharacters(in: .whitespaces) == "corpus"
      }
    }

    /// The tests that it names.
    var tests: [(suite: Substring, function: Substring)] {
      shownBy.matches(of: /`([A-Z][A-Za-z]+Tests)\.([a-z][A-Za-z]+)`/).map { ($0.1, $0.2) }
    }
  }

  /// None where the page cannot be read, which the first test notices.
  static let rows = rows(of: "formats/corpus.md")

  static func rows(of page: String) -> [Row] {
    ((try? String(contentsOfFile: Checkout.path(page), encoding: .utf8)) ?? "")
      .split(separator: "\n").compactMap(Row.init)
  }

  @Test func everyItemHasARow() {
    #expect(Self.rows.map(\.item) == Array(1...158))
    #expect(Set(CorpusCase.all.map(\.item)).isSubset(of: 1...158))
  }

  @Test(arguments: rows) func casesAreThoseOfTheTable(_ row: Row) {
    let cases = CorpusCase.all.filter { $0.item == row.item }
    #expect(row.namesTheCorpus == !cases.isEmpty)
    if !cases.isEmpty {
      #expect(Set(cases.map(\.outcome)) == row.outcomes)
    }
    #expect(!cases.isEmpty || !row.tests.isEmpty || row.shownBy.contains("open: "))
  }

  @Test func testsThatAreNamedExist() throws { try Self.expectTests(of: Self.rows) }

  /// Every test that a row names is there.
  static func expectTests(of rows: [Row]) throws {
    let folder = Checkout.path("Tests")
    let texts = try FileManager.default.subpathsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix("Tests.swift") }
      .map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }
    for row in rows {
      for test in row.tests {
        let isThere = texts.contains {
          $0.contains("struct \(test.suite) {") && $0.contains("func \(test.function)(")
        }
        #expect(isThere, "\(row.item): \(test.suite).\(test.function)")
      }
    }
  }
}
