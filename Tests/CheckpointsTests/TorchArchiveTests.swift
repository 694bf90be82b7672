import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// `formats/torch.md` §1: archives of which PyTorch refuses, or reads otherwise, what another reader would take.
@Suite struct TorchArchiveTests {
  /// Bytes that are changed behind the first signature of a kind, and what is said then.
  struct Change: Sendable, CustomTestStringConvertible {
    let name: String
    var isZip64 = false
    let signature: [UInt8]
    let place: Int
    let bytes: [UInt8]
    var exitCode: Int32 = 65
    var testDescription: String { name }
  }

  private static let (entry, end): ([UInt8], [UInt8]) = ([1, 2], [5, 6])
  private static let (record, locator): ([UInt8], [UInt8]) = ([6, 6], [6, 7])
  private static let far: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x40]

  static let changes = [
    Change(name: "another disk", signature: end, place: 4, bytes: [1], exitCode: 69),
    Change(name: "fewer entries on this disk", signature: end, place: 8, bytes: [2], exitCode: 69),
    Change(name: "too many entries", signature: end, place: 8, bytes: [9, 0, 9, 0]),
    Change(name: "directory beyond the file", signature: end, place: 16, bytes: [0, 0, 0, 1]),
    Change(
      name: "a zip64 place without record", signature: end, place: 16, bytes: [255, 255, 255, 255]),
    Change(name: "comment shorter than said", signature: end, place: 20, bytes: [1]),
    Change(name: "no entry", signature: entry, place: 1, bytes: [0]),
    Change(name: "name beyond the directory", signature: entry, place: 28, bytes: [0, 255]),
    Change(name: "name that is no text", signature: entry, place: 46, bytes: [0xff]),
    Change(name: "strongly encrypted", signature: entry, place: 8, bytes: [0x40], exitCode: 69),
    Change(name: "in another part", signature: entry, place: 34, bytes: [1], exitCode: 69),
    Change(name: "a folder", signature: entry, place: 38, bytes: [0x10]),
    Change(name: "two sizes", signature: entry, place: 20, bytes: [1]),
    Change(name: "beyond the file", signature: entry, place: 42, bytes: [0, 0, 0, 1]),
    Change(name: "at no entry", signature: entry, place: 42, bytes: [1]),
    Change(
      name: "zip64 sizes that are missing", signature: entry, place: 42,
      bytes: [255, 255, 255, 255]),
    Change(
      name: "a longer field than there is", isZip64: true, signature: entry, place: 46 + 10 + 2,
      bytes: [255]),
    Change(
      name: "locator that leads nowhere", isZip64: true, signature: locator, place: 8, bytes: far),
    Change(
      name: "locator that leads elsewhere", isZip64: true, signature: locator, place: 8, bytes: [0]),
    Change(
      name: "two disks", isZip64: true, signature: locator, place: 16, bytes: [2], exitCode: 69),
    Change(
      name: "record that is too short", isZip64: true, signature: record, place: 4, bytes: [43]),
    Change(
      name: "record of another disk", isZip64: true, signature: record, place: 16, bytes: [1],
      exitCode: 69),
    Change(
      name: "record with two counts", isZip64: true, signature: record, place: 24, bytes: [1],
      exitCode: 69),
    Change(
      name: "record with a directory beyond", isZip64: true, signature: record, place: 48,
      bytes: far),
  ]

  private func refusal(_ bytes: [UInt8]) throws -> Fault? {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "adapter_model.bin")
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      return fault { () throws(Fault) in try TorchFile(file: try InputFile(path)) }
    }
  }

  private func builder() -> TorchBuilder {
    TorchBuilder(
      program: TorchBuilder.program(), storages: [("0", [UInt8](repeating: 0, count: 24))])
  }

  @Test(arguments: changes) func changedArchivesAreRefused(_ change: Change) throws {
    var file = builder()
    file.isZip64 = change.isZip64
    var bytes = file.bytes()
    #expect(try refusal(bytes) == nil)
    let signature = Array("PK".utf8) + change.signature
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: signature) })
    let place = start + change.place
    bytes.replaceSubrange(place..<place + change.bytes.count, with: change.bytes)
    let found = try refusal(bytes)
    #expect(
      found?.code == "PT-ZIP" && found?.exitCode == change.exitCode, "\(found?.line ?? "read")")
  }

  static let notes: [(name: String, text: String, isRead: Bool)] = [
    ("version", "3\n", true), ("version", "1", true), ("version", "ZZ", false),
    ("version", "", false),
    ("version", "99", false), (".storage_alignment", "64", true),
    (".storage_alignment", "&4", false),
    (".data/serialization_id", "0123", true), ("anything", "\u{0}", true),
  ]

  @Test(arguments: notes) func notesAreChecked(_ note: (name: String, text: String, isRead: Bool))
    throws
  {
    var file = builder()
    file.notes = [(note.name, Array(note.text.utf8))]
    let found = try refusal(file.bytes())
    #expect((found == nil) == note.isRead, "\(found?.line ?? "read")")
    #expect(found == nil || found?.code == "PT-ZIP" && found?.exitCode == 65)
  }

  @Test func notesAreText() throws {
    var file = builder()
    file.notes = [(".data/serialization_id", [0x30, 0x9b])]
    #expect(try refusal(file.bytes())?.reason.contains("is not UTF-8") == true)
  }

  /// Programs behind `PROTO 2`, of values that a state dict does not have.
  static let programs: [(name: String, program: [UInt8], code: String)] = [
    ("a global of numbers", Array("K\u{1}K\u{1}".utf8) + [0x93, 0x2e], "PT-PICKLE"),
    (
      "an OrderedDict with arguments",
      TorchBuilder.global("collections", "OrderedDict") + Array("K\u{1}".utf8) + [0x85]
        + Array("R.".utf8), "PT-PICKLE"
    ),
    (
      "a parameter of nothing",
      TorchBuilder.global("torch._utils", "_rebuild_parameter") + Array(")R.".utf8), "PT-PICKLE"
    ),
    ("nothing to remember", Array("q\u{0}.".utf8), "PT-PICKLE"),
    ("a number as a name", Array("}K\u{1}Ns.".utf8), "PT-PICKLE"),
    (
      "a tensor twice",
      Array("}".utf8) + TorchBuilder.program()[3...].dropLast()
        + TorchBuilder.program()[3...], "PT-TENSOR"
    ),
    // Behind the hooks, where the call of the tensor ends.
    (
      "a tensor with metadata",
      TorchBuilder.program()[2...].dropLast(4) + Array("}".utf8) + TorchBuilder.text("k")
        + Array("K\u{1}stRs.".utf8), "PT-PICKLE"
    ),
  ]

  @Test(arguments: programs) func otherProgramsAreRefused(
    name: String, program: [UInt8], code: String
  ) throws {
    var file = builder()
    file.program = [0x80, 2] + program
    #expect(try refusal(file.bytes())?.code == code)
  }

  @Test func oneProgramIsWanted() throws {
    var file = builder()
    file.notes = [("b/data.pkl", [0x2e])]
    #expect(try refusal(file.bytes())?.exitCode == 69)
    file.notes = [("version", [0x33]), ("version", [0x33])]
    #expect(try refusal(file.bytes())?.reason.contains("twice") == true)
    file = builder()
    file.program = [UInt8](repeating: 0, count: 32 << 20 | 1)
    #expect(try refusal(file.bytes())?.code == "PT-PICKLE")
  }
}
