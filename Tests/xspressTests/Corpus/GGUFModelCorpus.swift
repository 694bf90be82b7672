import Files
import Foundation
import TestSupport

/// Items 58 to 98, what makes a GGUF file no base, no adapter, or not all of a model.
extension CorpusCase {
  private static let name = "base.gguf"

  static let ggufModels: [CorpusCase] = ggufBases + ggufParts + ggufAdapters

  private static let ggufBases: [CorpusCase] = [
    base(58, "no tensors", 65, "GG-META") { $0.tensors = [] },
    base(69, "no architecture", 65, "GG-META", ["general.architecture"]) {
      $0.set("general.architecture") { _ in }
    },
    base(69, "architecture a number", 65, "GG-META", ["general.architecture"]) {
      $0.set("general.architecture") { $0.add("general.architecture", u32: 1) }
    },
    base(69, "architecture unknown", 69, "GG-ARCH", ["mamba"]) {
      $0.set("general.architecture") { $0.add("general.architecture", string: "mamba") }
    },
    number(70, "llama.block_count", 0, "GG-META"),
    number(70, "llama.block_count", 1 << 31, "GG-META"),
    number(70, "llama.block_count", 1, "NAME-INDEX"),
    number(70, "llama.block_count", 3, "CK-TENSOR"),
    base(70, "block_count text", 65, "GG-META", ["llama.block_count"]) {
      $0.set("llama.block_count") { $0.add("llama.block_count", string: "2") }
    },
    number(71, "llama.embedding_length", 0, "GG-META"),
    number(71, "llama.embedding_length", 31, "GG-META", names: ["width 31"]),
    number(71, "llama.embedding_length", 64, "CK-SHAPE"),
    number(71, "llama.attention.head_count", 0, "GG-META"),
    number(71, "llama.attention.head_count", 3, "GG-META", names: ["3 heads"]),
    number(71, "llama.attention.head_count_kv", 0, "GG-META"),
    measured(72, "tokens that are numbers", "GG-KVTYPE") {
      $0.set("tokenizer.ggml.tokens") {
        $0.add("tokenizer.ggml.tokens", raw: 9, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
      }
    },
    measured(72, "one type for 64 tokens", "GG-META") {
      $0.set("tokenizer.ggml.token_type") {
        $0.add("tokenizer.ggml.token_type", integers: [1])
      }
    },
    base(81, "layer 2^32", 65, "NAME-INDEX", ["blk.4294967296.attn_q.weight"]) {
      $0.add("blk.4294967296.attn_q.weight", shape: [1], floats: [0])
    },
    base(81, "layer -1", 65, "NAME-INDEX", ["blk.-1.attn_q.weight"]) {
      $0.add("blk.-1.attn_q.weight", shape: [1], floats: [0])
    },
    base(81, "layer 10^21", 65, "NAME-INDEX") {
      $0.add("blk.999999999999999999999.attn_q.weight", shape: [1], floats: [0])
    },
    base(83, "a weight with a dimension of 0", 65, "CK-SHAPE", ["tensor \""]) {
      guard let index = place("blk.0.attn_q.weight", in: $0) else { return }
      $0.tensors[index].sizes = [32, 0]
      $0.tensors[index].data = []
    },
    base(90, "a weight in Q8_1", 69, "GG-TYPE", ["tensor \"", "Q8_1"]) {
      guard let index = place("blk.0.attn_q.weight", in: $0) else { return }
      $0.tensors[index].type = 9
      $0.tensors[index].data = [UInt8](repeating: 0, count: 32 * 36)
    },
  ]

  private static func place(_ name: String, in builder: GGUFBuilder) -> Int? {
    builder.tensors.firstIndex { $0.name == Array(name.utf8) }
  }

  /// The tiny model, changed, as the base of a conversion.
  private static func base(
    _ item: Int, _ what: String, _ status: Int32, _ code: String, _ names: [String] = [],
    _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, status, code, names: [name] + names) { folder in
      var builder = try TinyLlama.gguf()
      change(&builder)
      let path = Paths.join(folder, name)
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      return convert(base: path, in: folder)
    }
  }

  private static func number(
    _ item: Int, _ key: String, _ value: UInt32, _ code: String, names: [String]? = nil
  ) -> CorpusCase {
    base(item, "\(key) \(value)", 65, code, names ?? (code == "GG-META" ? [key] : [])) {
      $0.set(key) { $0.add(key, u32: value) }
    }
  }

  /// The tiny model with its tokenizer, changed, measured on one example.
  private static func measured(
    _ item: Int, _ what: String, _ code: String,
    _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, 65, code, names: [name]) { folder in
      try evaluation(in: folder, rows: "{\"prompt\":\"A\",\"completion\":\"B\"}\n", change)
    }
  }

  /// `xspress evaluate` of the tiny model on `rows`.
  static func evaluation(
    in folder: String, rows: String, _ change: (inout GGUFBuilder) -> Void = { _ in }
  ) throws -> [String] {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    change(&builder)
    let path = Paths.join(folder, name)
    try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
    let data = Paths.join(folder, "rows.jsonl")
    try Data(rows.utf8).write(to: URL(fileURLWithPath: data))
    return [
      "evaluate", "--base", path, "--adapter", Checkout.path("golden/tiny/adapter"), "--data",
      data,
    ]
  }

  // MARK: - Parts

  private static let ggufParts: [CorpusCase] = [
    split(95, "the last part missing") { $0.removeLast() },
    split(95, "parts out of order") { $0.swapAt(1, 2) },
    split(95, "another count in one part") {
      $0[1].set("split.count") { $0.add("split.count", raw: 2, [4, 0]) }
    },
    split(95, "a part twice") {
      $0[2] = $0[1]
      $0[2].set("split.no") { $0.add("split.no", raw: 2, [2, 0]) }
    },
  ]

  private static func split(
    _ item: Int, _ what: String, _ change: @escaping @Sendable (inout [GGUFBuilder]) -> Void
  ) -> CorpusCase {
    CorpusCase(item, what, 65, "GG-SPLIT", names: ["-of-00003.gguf"]) { folder in
      var parts = (0..<3).map { number in
        var part = GGUFBuilder()
        if number == 0 { part.add("general.architecture", string: "other") }
        part.add("split.no", raw: 2, [UInt8(number), 0])
        part.add("split.count", raw: 2, [3, 0])
        part.add("split.tensors.count", raw: 5, [3, 0, 0, 0])
        part.add("t\(number)", shape: [1], floats: [1])
        return part
      }
      change(&parts)
      for (number, part) in parts.enumerated() {
        let path = Paths.join(folder, "m-0000\(number + 1)-of-00003.gguf")
        try Data(part.bytes()).write(to: URL(fileURLWithPath: path))
      }
      return ["inspect", Paths.join(folder, "m-00001-of-00003.gguf")]
    }
  }

  // MARK: - Adapters

  private static let ggufAdapters: [CorpusCase] = [
    edited(
      "general.type model", 69, "AD-TYPE", from: "\u{7}\0\0\0\0\0\0\0adapter",
      to: "\u{7}\0\0\0\0\0\0\0modelss"),
    edited(
      "adapter.type ctrl", 69, "AD-TYPE", from: "\u{4}\0\0\0\0\0\0\0lora",
      to: "\u{4}\0\0\0\0\0\0\0ctrl"),
    edited(
      "no adapter.lora.alpha", 65, "AD-ALPHA", from: "adapter.lora.alpha", to: "adapter.lora.alphb"),
  ]

  /// The golden adapter with one text for another of the same length.
  private static func edited(
    _ what: String, _ status: Int32, _ code: String, from: String, to: String
  ) -> CorpusCase {
    file(98, what, status, code, as: "adapter.gguf") {
      var bytes = try InputFile(Checkout.path("golden/adapters_dialects/gguf-lora/adapter.gguf"))
        .readAll(limit: 1 << 20)
      guard let place = bytes.firstRange(of: Array(from.utf8)) else { return [] }
      bytes.replaceSubrange(place, with: Array(to.utf8))
      return bytes
    }
  }
}
