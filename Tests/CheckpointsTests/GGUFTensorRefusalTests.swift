import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Tensors of GGUF whose metadata or neighbours do not go with them (`formats/gguf.md` §5, §7).
@Suite struct GGUFTensorRefusalTests {
  /// What reading a tensor is refused with.
  private func refusal(_ builder: GGUFBuilder, reading name: String) throws -> Fault? {
    try withCheckpoint(builder.bytes()) { checkpoint in
      let found = fault { _ = try checkpoint.floats(name) }
      #expect(found?.path?.hasSuffix("file.gguf") == true, "\(found?.line ?? "read")")
      return found
    }
  }

  /// Queries and keys are stored in pairs of rows, which need a number of heads.
  @Test func rowsAreThoseOfHeads() throws {
    var builder = try TinyLlama.gguf()
    let key = "llama.attention.head_count"
    builder.set(key) { $0.add(key, u32: 5) }
    let found = try refusal(builder, reading: "blk.0.attn_q.weight")
    #expect(found?.code == "GG-META" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.tensor == "blk.0.attn_q.weight" && found?.reason.contains("5 heads") == true)
  }

  @Test func rowsOfOneTensorAreQueriesKeysAndValues() throws {
    let path = Checkout.path("golden/models/gptneox/model.gguf")
    var builder = try #require(
      GGUFBuilder(reading: try InputFile(path).readAll(limit: 1 << 24)))
    let key = "gptneox.attention.head_count"
    builder.set(key) { $0.add(key, u32: 5) }
    let found = try refusal(builder, reading: "blk.0.attn_qkv.weight")
    #expect(found?.code == "GG-META" && found?.exitCode == 65, "\(found?.line ?? "read")")
    #expect(found?.tensor == "blk.0.attn_qkv.weight")
    #expect(found?.reason.contains("queries, keys and values") == true)
  }

  /// The factor of an NVFP4 tensor is one number.
  @Test func factorsAreOneNumber() throws {
    var builder = GGUFBuilder()
    builder.add("general.architecture", string: "other")
    builder.add("a.weight", shape: [1, 64], type: 40, data: [UInt8](repeating: 0, count: 36))
    builder.add("a.scale", shape: [2], floats: [1, 2])
    let found = try refusal(builder, reading: "a.weight")
    #expect(found?.code == "GG-TYPE" && found?.exitCode == 69, "\(found?.line ?? "read")")
    #expect(found?.tensor == "a.scale")
  }

  /// A head is made of embeddings, which a file of another kind has not.
  @Test func aNewHeadNeedsEmbeddings() throws {
    try withTemporaryDirectory { folder in
      try withCheckpoint(GGUFBuilder.small().bytes()) { checkpoint in
        let copy = try GGUFCopy(of: checkpoint)
        let found = fault {
          try copy.write(
            to: folder + "/b.gguf", replacing: [], head: .embeddings, type: .f16
          ) { (_) throws(Fault) in [] }
        }
        #expect(found?.code == "CK-TENSOR" && found?.exitCode == 65, "\(found?.line ?? "written")")
        #expect(found?.path == checkpoint.path)
      }
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  /// The first part is told by its content, the others by their names.
  @Test(arguments: [("ggjt", 69), ("ABCD", 65)])
  func laterPartsAreGGUF(magic: String, exitCode: Int32) throws {
    try withTemporaryDirectory { folder in
      for number in 0..<2 {
        var part = GGUFBuilder()
        part.add("general.architecture", string: "other")
        part.add("split.no", raw: 2, [UInt8(number), 0])
        part.add("split.count", raw: 2, [2, 0])
        part.add("split.tensors.count", raw: 5, [1, 0, 0, 0])
        if number == 1 {
          part.add("w", shape: [1], floats: [1])
          part.magic = Array(magic.utf8)
        }
        try Data(part.bytes()).write(
          to: URL(fileURLWithPath: folder + "/x-0000\(number + 1)-of-00002.gguf"))
      }
      let found = fault { _ = try Checkpoint.open(folder + "/x-00001-of-00002.gguf") }
      #expect(found?.code == "GG-MAGIC" && found?.exitCode == exitCode, "\(found?.line ?? "read")")
      #expect(found?.path?.hasSuffix("x-00002-of-00002.gguf") == true)
    }
  }
}
