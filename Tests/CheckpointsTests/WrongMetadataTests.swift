import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Every metadata value of a GGUF model of every family taken away, or replaced by values of other types.
@Suite struct WrongMetadataTests {
  static let models = [
    "bert", "roberta", "xlm-roberta", "falcon", "gemma2", "gemma3", "gpt2", "gptneox", "granite",
    "mixtral", "olmo2", "phi2", "phi3",
    "qwen2moe", "qwen3", "smollm3", "stablelm", "starcoder2",
  ]

  /// A type's id and a value's bytes.
  private static let others: [(type: UInt32, value: [UInt8])] = [
    (4, GGUFBuilder.little(UInt32(0))), (4, GGUFBuilder.little(UInt32.max)),
    (5, GGUFBuilder.little(Int32(-1))), (6, GGUFBuilder.little(Float(-1).bitPattern)),
    (6, GGUFBuilder.little(Float.nan.bitPattern)), (6, GGUFBuilder.little(Float(1e30).bitPattern)),
    (7, [1]), (8, GGUFBuilder.string(Array("x".utf8))), (8, GGUFBuilder.string([])),
    (9, GGUFBuilder.little(UInt32(5)) + GGUFBuilder.little(UInt64(1)) + [7, 0, 0, 0]),
    (9, GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(1)) + GGUFBuilder.string([97])),
    (12, GGUFBuilder.little(Double.infinity.bitPattern)),
  ]

  /// Opens the model, and its vocabulary where it has one; true where that is refused in one line.
  private func isRefused(_ builder: GGUFBuilder, in folder: String, _ what: String) throws -> Bool {
    let path = folder + "/a.gguf"
    // Not synchronised: thousands of these are written.
    try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
    let found = fault { () throws(Fault) in
      let base = try BaseCheckpoint.open(path)
      if builder.entries.contains(where: { $0.key == Array("tokenizer.ggml.model".utf8) }) {
        _ = try base.checkpoint.tokenizerSource()
      }
    }
    guard let found else { return false }
    let words = "\(what): \(found.line)"
    #expect([65, 69, 71].contains(found.exitCode), "\(words)")
    #expect(found.line.utf8.count <= 400 && !found.line.contains("\n"), "\(words)")
    #expect(found.path?.hasPrefix(folder) == true, "\(words)")
    return true
  }

  private func replaceEach(of builder: GGUFBuilder) throws {
    try withTemporaryDirectory { folder in
      #expect(try isRefused(builder, in: folder, "as it is") == false)
      var refused = 0
      for index in builder.entries.indices {
        let key = String(decoding: builder.entries[index].key, as: UTF8.self)
        var changed = builder
        changed.entries.remove(at: index)
        if try isRefused(changed, in: folder, "\(key) is missing") { refused += 1 }
        for (type, value) in Self.others {
          (changed.entries, changed.alignment) = (builder.entries, builder.alignment)
          changed.entries[index].type = type
          changed.entries[index].value = value
          if try isRefused(changed, in: folder, "\(key) of type \(type)") { refused += 1 }
        }
      }
      #expect(refused > 40)
    }
  }

  @Test(arguments: models) func isReadOrRefusedInOneLine(_ model: String) throws {
    let bytes = try InputFile(Checkout.path("golden/models/\(model)/model.gguf"))
      .readAll(limit: 1 << 24)
    let builder = try #require(GGUFBuilder(reading: bytes))
    #expect(builder.bytes() == bytes)
    try replaceEach(of: builder)
  }

  @Test func vocabulariesAreToo() throws {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    builder.add("tokenizer.ggml.scores", floats: [Float](repeating: 0, count: 64))
    builder.add("tokenizer.ggml.add_bos_token", raw: 7, [0])
    try replaceEach(of: builder)
    for scores in [[Float](repeating: .nan, count: 64), [0, 1]] {
      builder.set("tokenizer.ggml.scores") { $0.add("tokenizer.ggml.scores", floats: scores) }
      try withTemporaryDirectory { (folder) throws in
        #expect(try isRefused(builder, in: folder, "scores"))
      }
    }
  }
}
