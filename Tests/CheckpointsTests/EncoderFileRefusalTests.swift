import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// GGUF files of encoders with something else than what is read, each refused by name (`formats/gguf.md` §7.5).
@Suite struct EncoderFileRefusalTests {
  /// A change of a golden file, and what is said of it.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let model: String
    let code: String
    let words: [String]
    let change: @Sendable (inout GGUFBuilder) -> Void

    init(
      _ what: String, in model: String = "roberta", _ code: String, _ words: String...,
      change: @escaping @Sendable (inout GGUFBuilder) -> Void
    ) {
      testDescription = what
      self.model = model
      self.code = code
      self.words = words
      self.change = change
    }
  }

  private static func tensor(
    _ name: String, _ builder: inout GGUFBuilder, _ change: (inout GGUFBuilder.Tensor) -> Void
  ) {
    guard let index = builder.tensors.firstIndex(where: { $0.name == Array(name.utf8) }) else {
      return
    }
    change(&builder.tensors[index])
  }

  static let cases = [
    Case("more rows of positions than can be counted", "GG-SHAPE", "rows of positions") {
      tensor("position_embd.weight", &$0) { tensor in
        // Eight bits a number, of which there are none.
        (tensor.type, tensor.sizes) = (24, [0, UInt64(Int.max)])
        tensor.data = []
      }
    },
    Case("causal attention", "GG-UNSUPPORTED", "bert.attention.causal is true") {
      $0.set("bert.attention.causal") { $0.add("bert.attention.causal", raw: 7, [1]) }
    },
    Case("no word on attention", "GG-META", "bert.attention.causal is missing") {
      $0.set("bert.attention.causal") { _ in }
    },
    Case("attention a number", "GG-META", "bert.attention.causal") {
      $0.set("bert.attention.causal") { $0.add("bert.attention.causal", u32: 0) }
    },
    Case("a key that nobody knows", "GG-UNSUPPORTED", "bert.moe_every_n_layers") {
      $0.add("bert.moe_every_n_layers", u32: 2)
    },
    Case("another vocabulary", "GG-UNSUPPORTED", "tokenizer.ggml.model is \"llama\"") {
      $0.set("tokenizer.ggml.model") { $0.add("tokenizer.ggml.model", string: "llama") }
    },
    Case("no kinds of texts", in: "bert", "GG-UNSUPPORTED", "token_types.weight", "DistilBERT") {
      $0.tensors.removeAll { $0.name == Array("token_types.weight".utf8) }
    },
    Case("another number of kinds", in: "bert", "GG-META", "token_type_count is 3", "2 rows") {
      $0.set("tokenizer.ggml.token_type_count") {
        $0.add("tokenizer.ggml.token_type_count", u32: 3)
      }
    },
    Case("kinds without columns", in: "bert", "CK-SHAPE", "[64]") {
      $0.set("tokenizer.ggml.token_type_count") { _ in }
      tensor("token_types.weight", &$0) { $0.sizes = [64] }
    },
    Case("fewer positions than stated", "CK-SHAPE", "[65, 32]", "[66, 32]") {
      tensor("position_embd.weight", &$0) {
        $0.sizes[1] = 63
        $0.data.removeLast(4 * 32)
      }
    },
    Case("a padding token far away", "GG-META", "padding_token_id is 65536") {
      $0.set("tokenizer.ggml.padding_token_id") {
        $0.add("tokenizer.ggml.padding_token_id", u32: 65_536)
      }
    },
    Case("more names than classes", "GG-META", "3 names", "2 rows") {
      $0.add("bert.classifier.output_labels", strings: ["a", "b", "c"])
    },
    Case("no names of classes", "GG-META", "0 names", "2 rows") {
      $0.add("bert.classifier.output_labels", strings: [])
    },
    Case("names that are no text", "GG-META", "bert.classifier.output_labels is not UTF-8") {
      $0.add(
        "bert.classifier.output_labels", raw: 9,
        GGUFBuilder.little(UInt32(8)) + GGUFBuilder.little(UInt64(2))
          + GGUFBuilder.string([0xff]) + GGUFBuilder.string([97]))
    },
    Case("names that are numbers", "GG-KVTYPE", "bert.classifier.output_labels") {
      $0.add("bert.classifier.output_labels", integers: [1, 2])
    },
    Case("an output without its dense layer", "CK-TENSOR", "missing") {
      $0.tensors.removeAll { $0.name == Array("cls.weight".utf8) }
    },
    Case("an output without its bias", "CK-TENSOR", "missing") {
      $0.tensors.removeAll { $0.name == Array("cls.output.bias".utf8) }
    },
    Case("a dense layer without an output", "CK-UNSUPPORTED", "no such tensor") {
      $0.tensors.removeAll { $0.name.starts(with: Array("cls.output".utf8)) }
    },
    Case("queries, keys and values in one", "CK-TENSOR", "missing") {
      tensor("blk.0.attn_q.weight", &$0) { $0.name = Array("blk.0.attn_qkv.weight".utf8) }
    },
    Case("a norm of queries, as of others", "CK-UNSUPPORTED", "attn_q_norm") {
      $0.add("blk.0.attn_q_norm.weight", shape: [32], floats: [Float](repeating: 1, count: 32))
    },
    Case("a layer too many", in: "bert", "NAME-INDEX", "blk.2.attn_q.weight") {
      $0.add("blk.2.attn_q.weight", shape: [1], floats: [0])
    },
  ]

  @Test(arguments: cases) func isRefused(_ item: Case) throws {
    let bytes = try InputFile(Checkout.path("golden/models/\(item.model)/model.gguf"))
      .readAll(limit: 1 << 24)
    var builder = try #require(GGUFBuilder(reading: bytes))
    item.change(&builder)
    #expect(builder.bytes() != bytes)
    try withTemporaryDirectory { folder in
      let path = folder + "/model.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      let found = fault { () throws(Fault) in try BaseCheckpoint.open(path) }
      #expect(found?.code == item.code, "\(String(describing: found))")
      for word in item.words { #expect(found?.line.contains(word) == true, "\(found?.line ?? "")") }
    }
  }

  /// Encoders that llama.cpp has under other names, and those that it has not.
  @Test(arguments: ["nomic-bert", "jina-bert-v2", "modern-bert", "deberta-v2", "vit"])
  func otherArchitecturesAreRefused(_ name: String) throws {
    var builder = GGUFBuilder()
    builder.add("general.architecture", string: name)
    try withTemporaryDirectory { folder in
      let path = folder + "/model.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      #expect(fault { () throws(Fault) in try BaseCheckpoint.open(path) }?.code == "GG-ARCH")
    }
  }

  /// What says nothing of the states that stand before a head is passed over.
  @Test func whatChangesNothingIsRead() throws {
    let bytes = try InputFile(Checkout.path("golden/models/bert/model.gguf")).readAll(
      limit: 1 << 24)
    var builder = try #require(GGUFBuilder(reading: bytes))
    builder.add("bert.pooling_type", u32: 1)
    builder.set("tokenizer.ggml.token_type_count") { _ in }
    // Two classes without names have another tensor.
    for tensor in builder.tensors.indices {
      let name = String(decoding: builder.tensors[tensor].name, as: UTF8.self)
      builder.tensors[tensor].name = Array(name.replacing("cls.output", with: "cls").utf8)
    }
    try withTemporaryDirectory { folder in
      let path = folder + "/model.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      let base = try BaseCheckpoint.open(path)
      #expect(base.configuration.classHead == nil)
      #expect(base.checkpoint.warnings.count { $0.kind == "CK-HEAD" } == 2)
    }
  }
}
