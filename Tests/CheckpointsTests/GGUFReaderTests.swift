import Checkpoints
import Faults
import Foundation
import JSON
import TestSupport
import Testing

/// What the GGUF reader accepts, and that damage never ends the process.
@Suite struct GGUFReaderTests {
  @Test(arguments: [UInt32(2), 3])
  func readsBothVersions(_ version: UInt32) throws {
    var builder = GGUFBuilder.small()
    builder.version = version
    try withCheckpoint(builder.bytes()) { checkpoint in
      #expect(checkpoint.format == .gguf)
      #expect(checkpoint.architecture == "other")
      #expect(checkpoint.tensors.map(\.name) == ["first.weight", "second.weight"])
      #expect(checkpoint.tensors.map(\.shape) == [[2, 4], [3]])
      #expect(checkpoint.tensors.map(\.byteCount) == [32, 12])
      try expect(checkpoint, "first.weight", [1, 2, 3, 4, 5, 6, 7, 8])
      try expect(checkpoint, "second.weight", [9, 10, 11])
      #expect(checkpoint.metadata["other.flag"]?.boolValue == true)
      #expect(checkpoint.metadata["other.names"]?["count"]?.intValue == 3)
    }
  }

  @Test(arguments: [1, 4, 8, 64, 65_536])
  func readsEveryAlignment(_ alignment: Int) throws {
    var builder = GGUFBuilder.small()
    builder.alignment = alignment
    builder.add("general.alignment", u32: UInt32(alignment))
    try withCheckpoint(builder.bytes()) { checkpoint in
      try expect(checkpoint, "second.weight", [9, 10, 11])
    }
  }

  @Test func readsFilesWithoutFinalPadding() throws {
    var builder = GGUFBuilder.small()
    builder.trailing = []
    try withCheckpoint(builder.bytes()) { checkpoint in
      try expect(checkpoint, "second.weight", [9, 10, 11])
    }
  }

  @Test func listsEmptyTensorsAndRefusesTheirValues() throws {
    var builder = GGUFBuilder.small()
    builder.tensors[1].sizes = [0, 4]
    builder.tensors[1].data = []
    try withCheckpoint(builder.bytes()) { checkpoint in
      #expect(checkpoint.tensors[1].shape == [4, 0])
      #expect(fault { _ = try checkpoint.floats("second.weight") }?.code == "GG-SHAPE")
    }
  }

  @Test func readsFilesWithoutTensors() throws {
    var builder = GGUFBuilder.small()
    builder.tensors = []
    try withCheckpoint(builder.bytes()) { #expect($0.tensors.isEmpty) }
  }

  @Test func namesTypesItCannotDecode() throws {
    var builder = GGUFBuilder()
    // Q8_K: 256 elements in 292 bytes.
    builder.add("x", shape: [1, 256], type: 15, data: [UInt8](repeating: 0, count: 292))
    try withCheckpoint(builder.bytes()) { checkpoint in
      let found = fault { _ = try checkpoint.floats("x") }
      #expect(found?.kind == .unsupported)
      #expect(found?.tensor == "x")
      #expect(found?.reason.contains("Q8_K") == true)
    }
  }

  @Test(arguments: [(UInt16(0x7e00), "nan"), (0x7c00, "inf"), (0xfc00, "-inf")])
  func refusesScalesThatAreNotFinite(bits: UInt16, text: String) throws {
    var builder = GGUFBuilder()
    var block = [UInt8](repeating: 0x11, count: 68)
    block.replaceSubrange(34..<36, with: GGUFBuilder.little(bits))
    builder.add("q8", shape: [2, 32], type: 8, data: block)
    try withCheckpoint(builder.bytes()) { checkpoint in
      let found = fault { _ = try checkpoint.floats("q8") }
      #expect(found?.code == "VAL-NAN" && found?.tensor == "q8")
      #expect(found?.reason == "element 32 decodes to \(text)")
    }
  }

  @Test func namesAreComparedAsBytes() throws {
    var builder = GGUFBuilder()
    builder.add("caf\u{e9}", shape: [1], floats: [1])
    builder.add("cafe\u{301}", shape: [1], floats: [2])
    try withCheckpoint(builder.bytes()) { checkpoint in
      try expect(checkpoint, "caf\u{e9}", [1])
      try expect(checkpoint, "cafe\u{301}", [2])
      #expect(fault { _ = try checkpoint.floats("cafe") }?.code == "CK-TENSOR")
    }
  }

  /// The annotated file of `formats/gguf.md` §10.
  @Test func readsTheExampleOfTheFormatPage() throws {
    let hex =
      "47475546 03000000 0100000000000000 0100000000000000 0100000000000000 61 04000000 07000000 "
      + "0100000000000000 77 02000000 0200000000000000 0100000000000000 00000000 0000000000000000 "
      + String(repeating: "00", count: 14) + " 0000803f 00000040"
    let digits = Array(hex.filter { $0 != " " })
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
    #expect(bytes.count == 0x68)
    try withCheckpoint(bytes) { checkpoint in
      #expect(checkpoint.tensors.map(\.byteOffset) == [0x60])
      #expect(checkpoint.metadata["a"]?.intValue == 7)
      try expect(checkpoint, "w", [1, 2])
    }
  }

  @Test func aFileThatChangesIsNotTrusted() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/file.gguf"
      let bytes = GGUFBuilder.small().bytes()
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let checkpoint = try Checkpoint.open(path)
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try handle.truncate(atOffset: UInt64(bytes.count - 40))
      let found = fault { _ = try checkpoint.floats("second.weight") }
      #expect(found?.kind == .temporary, "\(String(describing: found))")
      try handle.write(contentsOf: Data(bytes))
      try handle.close()
      #expect(fault { _ = try checkpoint.floats("first.weight") }?.kind == .temporary)
    }
  }

  // MARK: - Damage

  @Test func everyPrefixIsRefused() throws {
    let bytes = GGUFBuilder.small().bytes()
    let needed = bytes.count - 20  // the last tensor's padding may be missing
    for count in 0..<needed {
      let found = fault { try withCheckpoint(Array(bytes[..<count])) { _ in } }
      #expect(found != nil, "prefix of \(count)")
    }
  }

  @Test func everyBitFlipIsSurvived() throws {
    let bytes = GGUFBuilder.small().bytes()
    try withTemporaryDirectory { folder in
      let url = URL(fileURLWithPath: folder + "/file.gguf")
      for bit in 0..<8 * 340 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << (bit % 8)
        try Data(damaged).write(to: url)
        survives(url.path)
      }
    }
  }

  @Test func everyBoundaryNumberIsSurvived() throws {
    let bytes = GGUFBuilder.small().bytes()
    let numbers: [UInt64] = [
      0, 1, 1 << 7, 1 << 15, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 32, 1 << 53 + 1, 1 << 63 - 1,
      1 << 63, .max,
    ]
    try withTemporaryDirectory { folder in
      let url = URL(fileURLWithPath: folder + "/file.gguf")
      for offset in 4..<332 {
        for number in numbers {
          var damaged = bytes
          damaged.replaceSubrange(offset..<offset + 8, with: GGUFBuilder.little(number))
          try Data(damaged).write(to: url)
          survives(url.path)
        }
      }
    }
  }

  /// Opening and reading either works or throws a fault of one short line.
  private func survives(_ path: String) {
    let found = fault {
      let checkpoint = try Checkpoint.open(path)
      for tensor in checkpoint.tensors { _ = try checkpoint.floats(tensor.name) }
    }
    if let found { #expect(found.line.utf8.count <= 400 && found.kind != .internalError) }
  }
}
