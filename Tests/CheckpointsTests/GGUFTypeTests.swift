import Checkpoints
import Faults
import Files
import TestSupport
import Testing

/// The table of `formats/gguf.md` §5.7 is what the reader does, for every id.
@Suite struct GGUFTypeTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var id: UInt32
    var name: String
    var elements: Int
    var bytes: Int
    var isDecoded: Bool
    var testDescription: String { name }
  }

  static func table() throws -> [Row] {
    let text = String(
      decoding: try InputFile(Checkout.path("formats/gguf.md")).readAll(limit: 1 << 20),
      as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    let section = lines.drop { $0 != "### 5.7 Support" }.dropFirst().prefix { !$0.hasPrefix("#") }
    return section.compactMap { line in
      let cells = line.split(separator: "|").map { $0.filter { $0 != " " } }
      guard cells.count == 5, let id = UInt32(cells[0]), let elements = Int(cells[2]),
        let bytes = Int(cells[3]), ["yes", "no"].contains(cells[4])
      else { return nil }
      return Row(
        id: id, name: cells[1], elements: elements, bytes: bytes, isDecoded: cells[4] == "yes")
    }
  }

  /// 32 rows of one block, so that the data is a multiple of the alignment and a wrong size shows.
  private func file(_ row: Row) -> [UInt8] {
    var builder = GGUFBuilder()
    let data = [UInt8](repeating: 0, count: 32 * row.bytes)
    builder.add("x", shape: [32, row.elements], type: row.id, data: data)
    builder.add("y", shape: [1], floats: [1])
    return builder.bytes()
  }

  @Test func listsThirtyFiveTypes() throws { #expect(try Self.table().count == 35) }

  @Test(arguments: try GGUFTypeTests.table())
  func isAsTheTableSays(_ row: Row) throws {
    try withCheckpoint(file(row)) { checkpoint in
      #expect(checkpoint.tensor("x")?.dtypeName == row.name)
      #expect(checkpoint.tensor("x")?.byteCount == 32 * row.bytes)
      var count: Int?
      let found = fault { count = try checkpoint.floats("x").count }
      #expect(count == (row.isDecoded ? 32 * row.elements : nil))
      #expect(found?.code == (row.isDecoded ? nil : "GG-TYPE"))
      #expect(found?.kind == (row.isDecoded ? nil : .unsupported))
    }
  }

  @Test func otherIdentifiersAreRefused() throws {
    let known = Set(try Self.table().map(\.id))
    for id in UInt32(0)..<64 where !known.contains(id) {
      let row = Row(id: id, name: "", elements: 256, bytes: 32, isDecoded: false)
      #expect(fault { try withCheckpoint(file(row)) { _ in } }?.code == "GG-TYPE", "\(id)")
    }
  }
}
