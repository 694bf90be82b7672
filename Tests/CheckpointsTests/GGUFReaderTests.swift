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

  /// llama.cpp looks at what the tensors are in, not at what follows them.
  @Test(arguments: [1, 31, 32, 33, 5000])
  func readsFilesWithMoreBehindThem(_ count: Int) throws {
    var builder = GGUFBuilder.small()
    builder.trailing = [UInt8](repeating: 0x50, count: count)
    try withCheckpoint(builder.bytes()) { checkpoint in
      try expect(checkpoint, "second.weight", [9, 10, 11])
    }
  }

  /// No dimension is one element.
  @Test func readsTensorsWithoutDimensions() throws {
    var builder = GGUFBuilder.small()
    builder.add("scale", shape: [], floats: [2.5])
    builder.add("last.weight", shape: [2], floats: [1, 2])
    try withCheckpoint(builder.bytes()) { checkpoint in
      #expect(checkpoint.tensor("scale")?.shape == [])
      try expect(checkpoint, "scale", [2.5])
      try expect(checkpoint, "last.weight", [1, 2])
    }
  }

  /// Finite values that their factor makes infinite are not passed on.
  @Test func factorsOfTensorsMayNotOverflow() throws {
    var builder = GGUFBuilder.small()
    builder.add("x.weight", shape: [1], floats: [0])
    let last = builder.tensors.count - 1
    builder.tensors[last].type = 40
    builder.tensors[last].sizes = [64]
    // Four scales and 64 codes of the largest value.
    builder.tensors[last].data = [0x77, 0x77, 0x77, 0x77] + [UInt8](repeating: 0x77, count: 32)
    builder.add("x.scale", shape: [1], floats: [3e38])
    try withCheckpoint(builder.bytes()) { checkpoint in
      let found = fault { () throws(Fault) in try checkpoint.floats("x.weight") }
      #expect(found?.code == "VAL-RANGE" && found?.tensor == "x.weight")
      #expect(found?.exitCode == 65)
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

  @Test func manyTensorsTakeLinearTime() throws {
    var builder = GGUFBuilder()
    builder.alignment = 4
    builder.add("general.alignment", u32: 4)
    for index in 0..<100_000 { builder.add("t\(index)", shape: [1], floats: [1]) }
    let bytes = builder.bytes()
    let clock = ContinuousClock()
    let start = clock.now
    try withCheckpoint(bytes) { #expect($0.tensors.count == 100_000) }
    // Comparing every name with every other would take minutes.
    #expect(clock.now - start < .seconds(20))
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

  /// Threads share the rows; the values and the fault are those of one.
  @Test func threadsDoNotChangeTheValues() throws {
    var builder = try TinyLlama.gguf()
    let index = try #require(
      builder.tensors.firstIndex { $0.name == Array("blk.0.attn_q.weight".utf8) })
    var data: [UInt8] = []
    for row in 0..<4096 {
      for block in 0..<8 {
        data += GGUFBuilder.little(UInt16(0x2000 + row)) + (0..<32).map { UInt8($0 * block % 251) }
      }
    }
    builder.tensors[index].sizes = [256, 4096]
    builder.tensors[index].type = 8
    builder.tensors[index].data = data
    let name = "model.layers.0.self_attn.q_proj.weight"
    try withCheckpoint(builder.bytes()) { checkpoint in
      let one = try checkpoint.floats(name)
      for threads in [2, 3, 64] {
        #expect(try checkpoint.floats(name, threads: threads) == one)
      }
    }
    for row in [3000, 1000] { data.replaceSubrange(row * 272..<row * 272 + 2, with: [0, 0x7c]) }
    builder.tensors[index].data = data
    try withCheckpoint(builder.bytes()) { checkpoint in
      for threads in [1, 2, 3] {
        let found = fault { _ = try checkpoint.floats(name, threads: threads) }
        #expect(found?.code == "VAL-NAN" && found?.reason.contains("\(1000 * 256) ") == true)
      }
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
