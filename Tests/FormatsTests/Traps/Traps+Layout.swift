import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Where weights lie, and what a model's settings mean.
extension TrapTests {
  static let weights: [Trap] = [
    Trap(
      1, "rows of queries and keys left interleaved, or those of others moved",
      elsewhere: [("Tests/CheckpointsTests/BaseCheckpointTests.swift", "headPermutation()")]
    ) {
      // gguf-py wrote this file: queries by 4 heads, keys by 2, values not at all.
      let path = Checkout.path("golden/gguf/tiny/model.gguf")
      let (file, folder) = (
        try BaseCheckpoint.open(path), try BaseCheckpoint.open(TinyLlama.folder)
      )
      for module in folder.linearModules {
        #expect(try file.digest(module.weightName) == folder.digest(module.weightName))
      }
      for (name, isMoved) in [("attn_q", true), ("attn_k", true), ("attn_v", false)] {
        let tensor = try #require(file.checkpoint.tensor("blk.0.\(name).weight"))
        let stored = try InputFile(path).read(at: tensor.byteOffset, count: tensor.byteCount)
        let values = try file.checkpoint.floats(tensor.name)
        #expect((stored == values.flatMap { GGUFBuilder.little($0.bitPattern) }) != isMoved)
      }
      // Families whose rows are not interleaved keep them.
      var other = GGUFBuilder()
      other.add("general.architecture", string: "qwen2")
      other.add("qwen2.attention.head_count", u32: 1)
      other.add("blk.0.attn_q.weight", shape: [4, 1], floats: [1, 2, 3, 4])
      try withFile(other.bytes()) { path in
        let values = try Checkpoint.open(path).floats("blk.0.attn_q.weight")
        #expect(values == [1, 2, 3, 4])
      }
    },
    Trap(12, "Gemma's norms, stored as w + 1, taken for w") {
      let folder = Checkout.path("golden/models/gemma2")
      let (base, file) = try (
        BaseCheckpoint.open(folder), BaseCheckpoint.open(folder + "/model.gguf")
      )
      let name = "model.layers.0.post_feedforward_layernorm.weight"
      let values = try base.vector(name)
      #expect(try file.vector(name) == values)
      let tensor = try #require(file.checkpoint.tensor(name))
      let stored = try InputFile(folder + "/model.gguf").read(
        at: tensor.byteOffset, count: tensor.byteCount)
      #expect(stored == values.flatMap { GGUFBuilder.little(($0 + 1).bitPattern) })
      #expect(base.configuration.block(0).norm.offset == 1)
    },
    Trap(13, "fused projections cut in the wrong places") {
      let fused = try refusalOfBase {
        $0.add(
          "blk.0.attn_qkv.weight", shape: [64, 32], floats: [Float](repeating: 0, count: 2048))
      }
      #expect(fused?.code == "CK-UNSUPPORTED" && fused?.tensor == "blk.0.attn_qkv.weight")
      // Where the family has them they are one module each, 4 + 2 + 2 heads and twice the layer.
      let phi = try BaseCheckpoint.open(Checkout.path("golden/models/phi3"))
      let modules = phi.linearModules.filter { $0.layer == 0 }
      #expect(
        modules.map { $0.name.split(separator: ".").last } == [
          "o_proj", "down_proj", "gate_up_proj", "qkv_proj",
        ])
      #expect(modules.map(\.outFeatures) == [32, 32, 96, 64])
    },
    Trap(14, "sizes of GGUF, fastest first, read as rows and columns") {
      var builder = GGUFBuilder()
      builder.add("wide", shape: [2, 4], floats: [1, 2, 3, 4, 5, 6, 7, 8])
      builder.add("square", shape: [2, 2], floats: [1, 2, 3, 4])
      #expect(builder.tensors[0].sizes == [4, 2])
      try withFile(builder.bytes()) { path in
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.tensor("wide")?.shape == [2, 4])
        #expect(try checkpoint.floats("square") == [1, 2, 3, 4])
      }
      // A square weight shows it only by its values: q of the tiny model has none that is symmetric.
      let base = try BaseCheckpoint.open(Checkout.path("golden/gguf/tiny/model.gguf"))
      let query = try base.matrix("model.layers.0.self_attn.q_proj.weight")
      #expect(query != query.transposed)
    },
    Trap(
      15, "tied embeddings: a head that is missing, filled with zeros, or changed with them",
      elsewhere: [
        ("Tests/AdaptersTests/DialectRefusalTests.swift", "outputHeadsAreChangesOfTheirOwn()")
      ]
    ) {
      var builder = try TinyLlama.gguf()
      builder.tensors.removeAll { $0.name == Array("output.weight".utf8) }
      try withFile(builder.bytes()) { path in
        let base = try BaseCheckpoint.open(path)
        #expect(base.configuration.hasTiedEmbeddings)
        #expect(refusal { try base.matrix("lm_head.weight") }?.code == "CK-TENSOR")
      }
      #expect(try refusalOfBase(setting: "tie_word_embeddings", to: true)?.code == "CK-TIED")
    },
    Trap(28, "scaled RoPE read as plain RoPE") {
      func scaling(_ change: (inout GGUFBuilder) -> Void) throws -> RotaryScaling {
        var builder = try TinyLlama.gguf()
        change(&builder)
        return try withFile(builder.bytes()) { path in
          try BaseCheckpoint.open(path).configuration.rotaryScaling
        }
      }
      let factors = try scaling { $0.add("rope_freqs.weight", shape: [4], floats: [1, 1, 2, 8]) }
      #expect(factors.divisors == [1, 1, 2, 8])
      for type in ["yarn", "longrope", "linear"] {
        let scaled = try scaling {
          $0.add("llama.rope.scaling.type", string: type)
          $0.add("llama.rope.scaling.factor", f32: 4)
        }
        #expect(scaled.kind != .none, "\(type)")
      }
      #expect(
        try scaling { $0.add("llama.rope.scale_linear", f32: 2) }.kind == .linear(factor: 2))
      #expect(
        try scaling { $0.add("llama.rope.scaling.attn_factor", f32: 1.5) }.magnitude == 1.5)
      let incomplete: [String: Any] = ["rope_type": "llama3", "factor": 8]
      for key in ["rope_scaling", "rope_parameters"] {
        #expect(try refusalOfBase(setting: key, to: incomplete)?.code == "CFG")
      }
    },
    Trap(29, "the width of a head taken for width over heads; sizes that differ by layer") {
      let wide = try refusalOfBase { $0.add("llama.attention.key_length", u32: 16) }
      #expect(wide?.code == "CK-SHAPE" && wide?.reason.contains("needs [64, 32]") == true)
      let folder = try refusalOfBase(setting: "head_dim", to: 16)
      #expect(folder?.code == "CK-SHAPE" && folder?.reason.contains("needs [64, 32]") == true)
      for key in ["llama.attention.head_count_kv", "llama.feed_forward_length"] {
        let list = GGUFBuilder.little(UInt32(4)) + GGUFBuilder.little(UInt64(2))
        let layers = try refusalOfBase {
          $0.set(key) { $0.add(key, raw: 9, list + [2, 0, 0, 0, 4, 0, 0, 0]) }
        }
        #expect(layers?.code == "GG-UNSUPPORTED" && layers?.reason.contains(key) == true)
      }
    },
    Trap(
      34, "safetensors: duplicates, overlaps, bytes behind, odd offsets, paths, files left behind",
      elsewhere: [
        ("Tests/CheckpointsTests/SafeTensors/SafeTensorsRefusalTests.swift", "bitFlipsOfTheHeader"),
        ("Tests/CheckpointsTests/HFDirectoryTests.swift", "refusesShardNames"),
      ]
    ) {
      typealias B = SafeTensorsBytes
      let two = "{\(B.entry("a")),\(B.entry("b", offsets: "[3,7]"))}"
      let cases: [([UInt8], String)] = [
        (B.file("{\(B.entry()),\(B.entry())}", data: [0, 0, 0, 0]), "ST-DUP"),
        (B.file(two, data: [0, 0, 0, 0, 0, 0, 0]), "ST-OFFSET"), (B.one(data: 5), "ST-TRAIL"),
        (B.length(1 << 20) + Array("{}".utf8), "ST-HDRLEN"),
      ]
      for (bytes, code) in cases {
        #expect(refusal { try SafeTensorsFile(bytes: bytes) }?.code == code)
      }
      let odd = "{\(B.entry("a", dtype: "\"U8\"", offsets: "[0,1]")),\(B.entry(offsets: "[1,5]"))}"
      let file = try SafeTensorsFile(bytes: B.file(odd, data: [9, 0, 0, 0x80, 0x3f]))
      #expect(try file.floats(of: file.tensor("w")) == [1])
      try TinyLlama.withCopy { folder in
        let index = Paths.join(folder, "model.safetensors.index.json")
        try AtomicFile.write(index, text: #"{"weight_map":{"w":"../other.safetensors"}}"#)
        // Beside a single file nothing says which of the two is stale.
        #expect(refusal { try BaseCheckpoint.open(folder) }?.code == "IDX-AMBIG")
        try FileManager.default.removeItem(atPath: Paths.join(folder, "model.safetensors"))
        #expect(refusal { try BaseCheckpoint.open(folder) }?.code == "PATH")
      }
    },
  ]
}
