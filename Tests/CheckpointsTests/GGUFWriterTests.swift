import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing

/// Written files, read back by the reader and compared with gguf-py (golden/gguf/encoded).
@Suite struct GGUFWriterTests {
  private static let encoded = Checkout.path("golden/gguf/encoded/encoded.safetensors")

  @Test(arguments: GGUFFloatType.allCases)
  func encodesAsTheReference(_ type: GGUFFloatType) throws {
    let golden = try SafeTensorsFile.open(Self.encoded)
    let values = try golden.floats(of: golden.tensor("values"))
    let shape = try golden.tensor("values").shape
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.gguf")
      var writer = GGUFWriter()
      try writer.add("w", type: type, shape: shape) { values }
      try writer.write(to: path)
      let tensor = try #require(try Checkpoint.open(path).tensor("w"))
      #expect(tensor.shape == shape && tensor.dtypeName.lowercased() == type.rawValue)
      let bytes = try InputFile(path).read(at: tensor.byteOffset, count: tensor.byteCount)
      #expect(bytes == (try golden.bytes(of: golden.tensor(type.rawValue))))
    }
  }

  /// What gguf-py encoded, decoded and encoded again, is the same bytes.
  @Test(arguments: GGUFFloatType.allCases)
  func encodingWhatWasDecodedGivesTheSameBytes(_ type: GGUFFloatType) throws {
    let golden = try SafeTensorsFile.open(Self.encoded)
    // Row 9 is so small that Q8_0 keeps codes of a scale of 0, which say nothing.
    let all = try golden.tensor(type.rawValue)
    let stored = Array(try golden.bytes(of: all).prefix(all.byteCount / all.shape[0] * 9))
    let shape = [9, try golden.tensor("values").shape[1]]
    try withTemporaryDirectory { (folder) throws in
      var builder = GGUFBuilder()
      let id: [GGUFFloatType: UInt32] = [.f32: 0, .f16: 1, .bf16: 30, .q8_0: 8]
      builder.add("w", shape: shape, type: try #require(id[type]), data: stored)
      let (first, second) = (Paths.join(folder, "a.gguf"), Paths.join(folder, "b.gguf"))
      try AtomicFile.write(first, bytes: builder.bytes())
      let values = try Checkpoint.open(first).floats("w")
      var writer = GGUFWriter()
      try writer.add("w", type: type, shape: shape) { values }
      try writer.write(to: second)
      #expect(
        try InputFile(second).readAll(limit: 1 << 20) == InputFile(first).readAll(limit: 1 << 20))
    }
  }

  @Test func metadataAndTensorsReadBack() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.gguf")
      var writer = GGUFWriter()
      writer.set("general.architecture", .string("other"))
      writer.set("a.number", .u32(7))
      writer.set("a.float", .f32(0.5))
      writer.set("a.number", .u32(4_000_000_000))
      try writer.add("first", type: .f32, shape: [3]) { [1, 2, 3] }
      try writer.add("none", type: .f32, shape: [0, 2]) { [] }
      try writer.add("second", type: .f16, shape: [2, 1, 2]) { [-1, 0.5, 65504, 0] }
      try writer.write(to: path)
      let found = try Checkpoint.open(path)
      #expect(
        found.metadata == [
          "general.architecture": "other", "a.number": 4_000_000_000, "a.float": 0.5,
        ])
      #expect(found.tensors.map(\.name) == ["first", "none", "second"])
      #expect(found.tensors.map(\.shape) == [[3], [0, 2], [2, 1, 2]])
      #expect(try found.floats("first") == [1, 2, 3])
      #expect(try found.floats("second") == [-1, 0.5, 65504, 0])
      #expect(try InputFile(path).byteCount % 32 == 0)
    }
  }

  /// Rows that are not whole blocks are stored in half precision.
  @Test func shortRowsFallBack() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.gguf")
      var writer = GGUFWriter()
      try writer.add("w", type: .q8_0, shape: [2, 24]) { (0..<48).map { Float($0) } }
      try writer.write(to: path)
      let found = try Checkpoint.open(path)
      #expect(found.tensor("w")?.dtypeName == "F16")
      #expect(try found.floats("w") == (0..<48).map { Float($0) })
    }
  }

  @Test(arguments: [
    (GGUFFloatType.f16, Float(65520)), (.bf16, Float(bitPattern: 0x7f7f_ffff)), (.q8_0, 8.4e6),
    (.f32, .infinity), (.q8_0, .nan), (.f16, -.infinity),
  ])
  func valuesBeyondTheTypeAreRefused(type: GGUFFloatType, value: Float) throws {
    try withTemporaryDirectory { (folder) throws in
      var writer = GGUFWriter()
      try writer.add("w", type: type, shape: [32]) {
        [Float](repeating: 0, count: 31) + [value]
      }
      let found = fault { () throws(Fault) in
        try writer.write(to: Paths.join(folder, "out.gguf"))
      }
      #expect(found?.code == "VAL-RANGE" && found?.tensor == "w")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  /// The inverse of such a scale is infinite; the values are zero in half precision.
  @Test func subnormalBlocksAreZero() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "out.gguf")
      var writer = GGUFWriter()
      try writer.add("w", type: .q8_0, shape: [32]) {
        [Float](repeating: Float(bitPattern: 0x1_0000), count: 32)
      }
      try writer.write(to: path)
      #expect(try Checkpoint.open(path).floats("w") == [Float](repeating: 0, count: 32))
    }
  }

  @Test func impossibleTensorsAreRefused() throws {
    var writer = GGUFWriter()
    try writer.add("w", type: .f32, shape: [1]) { [0] }
    for (name, shape) in [
      ("w", [1]), ("", [1]), (String(repeating: "n", count: 64), [1]),
      ("x", [1, 1, 1, 1, 1]), ("x", [Int.max, 2]), ("x", [-1]),
    ] {
      let found = fault { () throws(Fault) in
        try writer.add(name, type: .f32, shape: shape) { [] }
      }
      #expect(found?.code == "GG-WRITE", "\(name) \(shape)")
    }
    try withTemporaryDirectory { (folder) throws in
      var wrong = GGUFWriter()
      try wrong.add("w", type: .f32, shape: [2]) { [0] }
      let found = fault { () throws(Fault) in
        try wrong.write(to: Paths.join(folder, "out.gguf"))
      }
      #expect(found?.code == "GG-WRITE")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }
}
