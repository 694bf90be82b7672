import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Copies of the model that gguf-py wrote (golden/gguf/tiny).
@Suite struct GGUFCopyTests {
  private static let model = Checkout.path("golden/gguf/tiny/model.gguf")
  private static let query = "model.layers.1.self_attn.q_proj.weight"
  private static let key = "model.layers.0.self_attn.k_proj.weight"
  private static let down = "model.layers.0.mlp.down_proj.weight"

  private func bytes(_ path: String) throws -> [UInt8] {
    try InputFile(path).readAll(limit: 1 << 24)
  }

  private func stored(_ name: String, in checkpoint: Checkpoint, _ path: String) throws -> [UInt8] {
    let tensor = try #require(checkpoint.tensor(name))
    return try InputFile(path).read(at: tensor.byteOffset, count: tensor.byteCount)
  }

  @Test func nothingReplacedIsTheSameFile() throws {
    try withTemporaryDirectory { (folder) throws in
      let output = Paths.join(folder, "copy.gguf")
      let copy = try GGUFCopy(of: Checkpoint.open(Self.model))
      try copy.write(to: output, replacing: [], type: .f16) { (_) throws(Fault) in [] }
      #expect(try bytes(output) == bytes(Self.model))
    }
  }

  /// A file with another alignment, whose last padding is missing, is kept but for that padding.
  @Test func alignmentIsKept() throws {
    try withTemporaryDirectory { (folder) throws in
      let (input, output) = (Paths.join(folder, "in.gguf"), Paths.join(folder, "out.gguf"))
      var builder = GGUFBuilder.small()
      builder.alignment = 256
      builder.add("general.alignment", u32: 256)
      try AtomicFile.write(input, bytes: builder.bytes())
      let copy = try GGUFCopy(of: Checkpoint.open(input))
      try copy.write(to: output, replacing: [], type: .f16) { (_) throws(Fault) in [] }
      #expect(try bytes(output) == bytes(input))
    }
  }

  @Test(arguments: [(GGUFFloatType.f32, "F32"), (.bf16, "BF16"), (.q8_0, "Q8_0")])
  func replacedWeightsReadBack(type: GGUFFloatType, name: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let output = Paths.join(folder, "copy.gguf")
      let base = try BaseCheckpoint.open(Self.model)
      // Multiples of an eighth up to 15.875, with that largest value in every block: exact in every type.
      @Sendable func values(_ name: String) throws(Fault) -> [Float] {
        let count = try base.matrix(name).elements.count
        return (0..<count).map { (index: Int) -> Float in
          let code = (index * 37) % 255 - 127
          return index % 32 == 0 ? 15.875 : Float(code) / 8
        }
      }
      try GGUFCopy(of: base.checkpoint).write(
        to: output, replacing: [Self.query, Self.key], type: type
      ) { (name) throws(Fault) in try values(name) }
      let copy = try BaseCheckpoint.open(output)
      #expect(copy.tensors.map(\.name) == base.tensors.map(\.name))
      #expect(copy.checkpoint.metadata["tiny.small"] == 7)
      for tensor in base.tensors {
        let hfName = try #require(base.checkpoint.huggingFaceName(tensor.name))
        if hfName == Self.query || hfName == Self.key {
          #expect(copy.checkpoint.tensor(hfName)?.dtypeName == name)
          let (found, wanted) = (try copy.checkpoint.floats(hfName), try values(hfName))
          if type == .bf16 {
            #expect(relativeError(found, wanted) < 0x1p-8)
          } else {
            #expect(found == wanted)
          }
        } else {
          #expect(
            try stored(tensor.name, in: copy.checkpoint, output)
              == stored(tensor.name, in: base.checkpoint, Self.model))
        }
      }
    }
  }

  /// 48 columns are not whole blocks of 32, and most weights of the model being new changes its label.
  @Test func labelsFollowTheWeights() throws {
    try withTemporaryDirectory { (folder) throws in
      let output = Paths.join(folder, "copy.gguf")
      let base = try BaseCheckpoint.open(Self.model)
      let copy = try GGUFCopy(of: base.checkpoint)
      func write(_ names: Set<String>) throws -> Checkpoint {
        try copy.write(to: output, replacing: names, type: .q8_0) { (name) throws(Fault) in
          try base.checkpoint.floats(name)
        }
        return try Checkpoint.open(output)
      }
      let few = try write([Self.down])
      #expect(few.metadata["general.file_type"] == 0)
      #expect(few.metadata["general.quantization_version"] == 2)
      #expect(few.tensor(Self.down)?.dtypeName == "F16")
      let all = try write(Set(base.linearModules.map(\.weightName)))
      #expect(all.metadata["general.file_type"] == 7)
    }
  }

  /// The factor of a replaced NVFP4 weight would be applied to its new values.
  @Test func factorsOfReplacedWeightsAreLeftOut() throws {
    try withTemporaryDirectory { (folder) throws in
      let (input, output) = (Paths.join(folder, "in.gguf"), Paths.join(folder, "out.gguf"))
      var builder = try TinyLlama.gguf()
      let index = try #require(
        builder.tensors.firstIndex { $0.name == Array("blk.0.attn_v.weight".utf8) })
      // Rows of 64: the tiny model has no such weight, so that only this file's structure is looked at.
      builder.tensors[index].sizes = [64, 8]
      builder.tensors[index].type = 40
      builder.tensors[index].data = [UInt8](repeating: 0x11, count: 8 * 36)
      builder.add("blk.0.attn_v.scale", shape: [1], floats: [0.25])
      try AtomicFile.write(input, bytes: builder.bytes())
      let checkpoint = try Checkpoint.open(input)
      let name = "model.layers.0.self_attn.v_proj.weight"
      let copy = try GGUFCopy(of: checkpoint)
      try copy.write(to: output, replacing: [name], type: .f32) { (name) throws(Fault) in
        try checkpoint.floats(name)
      }
      let found = try Checkpoint.open(output)
      #expect(found.tensor("blk.0.attn_v.scale") == nil)
      #expect(found.tensors.count == checkpoint.tensors.count - 1)
      #expect(try found.floats(name) == checkpoint.floats(name))
      try copy.write(to: output, replacing: [], type: .f32) { (_) throws(Fault) in [] }
      #expect(try Checkpoint.open(output).tensor("blk.0.attn_v.scale") != nil)
    }
  }

  /// llama.cpp aborts on norms in other types than F32, and takes routers, positions and biases as F32 too.
  @Test(arguments: GGUFFloatType.allCases)
  func vectorsAreAlwaysF32(type: GGUFFloatType) throws {
    try withTemporaryDirectory { (folder) throws in
      let (input, output) = (Paths.join(folder, "in.gguf"), Paths.join(folder, "out.gguf"))
      try AtomicFile.write(input, bytes: try TinyLlama.gguf().bytes())
      let checkpoint = try Checkpoint.open(input)
      let names: Set<String> = [
        "model.norm.weight", "model.layers.0.input_layernorm.weight",
        "model.layers.1.post_attention_layernorm.weight", Self.query,
      ]
      try GGUFCopy(of: checkpoint).write(to: output, replacing: names, type: type) {
        (name) throws(Fault) in
        try checkpoint.floats(name)
      }
      let found = try Checkpoint.open(output)
      for name in names where name != Self.query {
        #expect(found.tensor(name)?.dtypeName == "F32", "\(name)")
        #expect(try found.floats(name) == checkpoint.floats(name))
      }
      #expect(found.tensor(Self.query)?.dtypeName.lowercased() == type.rawValue)
    }
  }

  /// A model that ties its head gets `output.weight`: the embeddings' bytes, or new values.
  @Test func aTiedHeadBecomesATensor() throws {
    try withTemporaryDirectory { (folder) throws in
      let (input, output) = (Paths.join(folder, "in.gguf"), Paths.join(folder, "out.gguf"))
      var builder = try TinyLlama.gguf()
      builder.tensors.removeAll { $0.name == Array("output.weight".utf8) }
      try AtomicFile.write(input, bytes: builder.bytes())
      let base = try BaseCheckpoint.open(input)
      let embedding = try base.checkpoint.floats("model.embed_tokens.weight")
      #expect(base.configuration.hasTiedEmbeddings)
      let copy = try GGUFCopy(of: base.checkpoint)
      for (head, type) in [(GGUFCopy.NewHead.embeddings, "F32"), (.values, "F16")] {
        try copy.write(to: output, replacing: ["model.embed_tokens.weight"], head: head, type: .f16)
        {
          (name) throws(Fault) in
          name == "lm_head.weight" ? embedding.map { _ in 0.5 } : embedding.map { _ in 0.25 }
        }
        let found = try BaseCheckpoint.open(output)
        #expect(!found.configuration.hasTiedEmbeddings)
        #expect(found.checkpoint.tensor("token_embd.weight")?.dtypeName == "F16")
        #expect(found.checkpoint.tensor("output.weight")?.dtypeName == type)
        let values = try found.checkpoint.floats("lm_head.weight")
        #expect(values == (type == "F32" ? embedding : embedding.map { _ in 0.5 }))
      }
    }
  }

  /// The embeddings written a second time as `output.weight` are a tied head; any other bit makes it another.
  @Test func aStoredHeadThatRepeatsTheEmbeddingsIsTied() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "in.gguf")
      var builder = try TinyLlama.gguf()
      func index(_ name: String) throws -> Int {
        try #require(builder.tensors.firstIndex { $0.name == Array(name.utf8) })
      }
      let (head, embedding) = (try index("output.weight"), try index("token_embd.weight"))
      builder.tensors[head].data = builder.tensors[embedding].data
      try AtomicFile.write(path, bytes: builder.bytes())
      #expect(try BaseCheckpoint.open(path).configuration.hasTiedEmbeddings)
      builder.tensors[head].data[builder.tensors[head].data.count - 4] ^= 1
      try AtomicFile.write(path, bytes: builder.bytes())
      #expect(try !BaseCheckpoint.open(path).configuration.hasTiedEmbeddings)
    }
  }

  @Test func splitModelsBecomeOneFile() throws {
    try withTemporaryDirectory { (folder) throws in
      var (first, second) = (try TinyLlama.gguf(), GGUFBuilder())
      second.tensors = Array(first.tensors.suffix(5))
      first.tensors.removeLast(5)
      let total = first.tensors.count + 5
      func number(_ value: Int) -> [UInt8] { GGUFBuilder.little(UInt16(value)) }
      for (place, part) in [(0, "00001"), (1, "00002")] {
        var builder = place == 0 ? first : second
        builder.add("split.no", raw: 2, number(place))
        builder.add("split.count", raw: 2, number(2))
        builder.add("split.tensors.count", raw: 5, GGUFBuilder.little(Int32(total)))
        try AtomicFile.write(
          Paths.join(folder, "m-\(part)-of-00002.gguf"), bytes: builder.bytes())
      }
      let input = try Checkpoint.open(Paths.join(folder, "m-00001-of-00002.gguf"))
      let output = Paths.join(folder, "one.gguf")
      try GGUFCopy(of: input).write(to: output, replacing: [], type: .f16) {
        (_) throws(Fault) in []
      }
      let one = try BaseCheckpoint.open(output)
      #expect(one.checkpoint.metadata["split.count"] == nil)
      #expect(one.tensors.map(\.name) == input.tensors.map(\.name))
      for tensor in input.tensors {
        #expect(try one.digest(tensor.name) == input.digest(tensor.name))
      }
    }
  }

  @Test func refusals() throws {
    let other = fault { () throws(Fault) in
      try GGUFCopy(of: Checkpoint.open(Checkout.path("golden/tiny/model")))
    }
    #expect(other?.code == "GG-COPY" && other?.kind == .unsupported)
    try withTemporaryDirectory { (folder) throws in
      let copy = try GGUFCopy(of: Checkpoint.open(Self.model))
      let missing = fault { () throws(Fault) in
        try copy.write(
          to: Paths.join(folder, "out.gguf"), replacing: ["model.layers.9.mlp.up_proj.weight"],
          type: .f32
        ) { (_) throws(Fault) in [] }
      }
      #expect(missing?.code == "CK-TENSOR")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }
}
