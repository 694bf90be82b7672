import Testing

/// `formats/faults.md` has every item from 159 to 210, and the tests that it names exist.
@Suite struct FaultsPageTests {
  private static let rows = CorpusPageTests.rows(of: "formats/faults.md")

  @Test func everyItemHasARowAndATest() throws {
    #expect(Self.rows.map(\.item) == Array(159...210))
    for row in Self.rows { #expect(!row.tests.isEmpty, "\(row.item)") }
    try CorpusPageTests.expectTests(of: Self.rows)
  }
}
