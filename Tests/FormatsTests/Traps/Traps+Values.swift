import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing
import Tokenizers

/// What stored numbers mean, and which base they belong to.
extension TrapTests {
  static let values: [Trap] = [
    Trap(
      22, "an adapter or artifact used with another base of the same shapes",
      elsewhere: [("Tests/ArtifactsTests/ArtifactTests.swift", "ART-BASE")]
    ) {
      let digest = SHA256Digest.of(Array("the weights it was made on".utf8))
      let module = ArtifactModule(
        moduleName: "m", outFeatures: 4, inFeatures: 3,
        stored: try StoredLatent(Matrix(rows: 1, columns: 1, elements: [1]), storage: .int8),
        outputIndices: [0], inputIndices: [0], outputSingularValues: [1],
        inputSingularValues: [1], probes: [1], digestPrefix: Array(digest.bytes.prefix(4)))
      let artifact = try Artifact(
        modules: [module],
        metadata: ArtifactMetadata(
          createdBy: "test",
          base: .init(architecture: "llama", rootDigest: Artifact.rootDigest([digest])),
          origin: .adapter(
            .init(
              name: "a", format: "peft", digest: digest, byteCount: 1, parameterCount: 1, rank: 1)),
          directions: .selected, storage: .int8, record: JSONObject([])))
      try artifact.checkBase { (_) throws(Fault) in digest }
      let other = SHA256Digest.of(Array("the same model, quantised otherwise".utf8))
      #expect(
        refusal { try artifact.checkBase { (_) throws(Fault) in other } }?.code == "ART-BASE")
    },
    Trap(
      23, "singular vectors taken for unique; rounding that depends on how a base is decoded",
      elsewhere: [
        ("Tests/BasesTests/CanonicalCoordinatesTests.swift", "topIgnoresRotationsInsideTheSpan()"),
        ("Tests/BasesTests/CanonicalCoordinatesTests.swift", "rowPermutationMovesOnlyOutputRows()"),
        ("Tests/CheckpointsTests/GGUFGoldenTests.swift", "decodesAsTheReference"),
      ]
    ) {
      var generator = SeededGenerator(seed: 23)
      let elements = generator.normals(24 * 18).map { Float($0) }
      let weight = Matrix(rows: 24, columns: 18, elements: elements)
      // LAPACK's decomposition and that of the Gram matrix differ in signs and last bits.
      let bases = try [Convergence.Route.gram, .direct].map {
        try SingularBasis(weight: weight, moduleName: "m", route: $0)
          .moduleBasis(for: .top(rank: 5, omegaSeed: 1))
      }
      #expect(relativeError(bases[0].inputBasis.elements, bases[1].inputBasis.elements) < 1e-6)
      #expect(relativeError(bases[0].outputBasis.elements, bases[1].outputBasis.elements) < 1e-6)
    },
    Trap(24, "nibbles in the wrong order") {
      // d = 1, byte 0 holds 1 low and 2 high: elements 0 and 16, not 0 and 1.
      let block = [0x00, 0x3c, 0x21] + [UInt8](repeating: 0x88, count: 15)
      let values = try decoded(2, shape: [1, 32], block)
      #expect(values[0] == -7 && values[16] == -6)
      #expect(values.filter { $0 == 0 }.count == 30)
    },
    Trap(
      25, "scales beside a tensor ignored or divided by",
      elsewhere: [("Tests/CheckpointsTests/EightBitFloatTests.swift", "decodesAsTheReference")]
    ) {
      for (stored, answers, name) in [
        ("gguf/blocks/blocks.gguf", "gguf/blocks/expected.safetensors", "scaled.weight"),
        (
          "eight_bit/weights/model.safetensors", "eight_bit/weights/expected.safetensors",
          "e4m3.block.weight"
        ),
      ] {
        let found = try Checkpoint.open(Checkout.path("golden/\(stored)")).floats(name)
        let wanted = try Checkpoint.open(Checkout.path("golden/\(answers)")).floats(name)
        #expect(found.map(\.bitPattern) == wanted.map(\.bitPattern), "\(name)")
      }
      let bare = try Checkpoint.open(Checkout.path("golden/eight_bit/weights/model.safetensors"))
      #expect(refusal { try bare.floats("bare.weight") }?.code == "HF-SCALE")
    },
    Trap(
      26, "halves widened wrongly, subnormals flushed, overflow on narrowing",
      elsewhere: [
        (
          "Tests/CheckpointsTests/SafeTensors/SafeTensorsTests.swift",
          "everyHalfAndBrainFloatIsExact()"
        )
      ]
    ) {
      let brains = try decoded(30, shape: [3], [0x80, 0x3f, 1, 0, 0x80, 0x7e])
      #expect(brains == [1, 0x1p-133, 0x1p126])
      let halves = try decoded(1, shape: [3], [1, 0, 0xff, 3, 0xff, 0x7b])
      #expect(halves == [0x1p-24, 0x1.ff8p-15, 65504])
      for dtype in [DType.f16, .bf16] {
        let value: Float = dtype == .f16 ? 65_520 : .greatestFiniteMagnitude
        var writer = SafeTensorsWriter()
        let found = refusal { try writer.add("w", dtype: dtype, shape: [1], floats: [value]) }
        #expect(found?.code == "VAL-RANGE")
      }
    },
    Trap(27, "type ids 40 to 42 of forks, whose blocks have other sizes") {
      // A fork's one-bit type as 40 (128 elements in 18 bytes) and its two-bit type as 42 (128 in 34).
      for (id, blockBytes) in [(UInt32(40), 18), (42, 34)] {
        var builder = GGUFBuilder()
        let data = [UInt8](repeating: 0, count: 32 * blockBytes)
        builder.add("w", shape: [32, 128], type: id, data: data)
        // Behind it lies more than the blocks of the true types would need.
        builder.add("next", shape: [1024], floats: [Float](repeating: 1, count: 1024))
        let found = try withFile(builder.bytes()) { path in refusal { try Checkpoint.open(path) } }
        #expect(found?.code == "GG-OFFSET" && found?.tensor == "next", "\(id)")
        builder.tensors.removeLast()
        let last = try withFile(builder.bytes()) { path in refusal { try Checkpoint.open(path) } }
        #expect(last?.code == "GG-TRUNC", "\(id)")
      }
    },
    Trap(36, "conversions from before a fix that look valid") {
      // Without the name of the splitting rule no tokenizer is guessed.
      let old = TokenizerVocabulary(
        model: "gpt2", preTokenizer: nil, tokens: [Array("a".utf8)], merges: [])
      #expect(refusal { try Tokenizer(vocabulary: old) }?.code == "TK-PRE")
      // Blocks of an earlier layout say so; what is missing is taken for today's.
      for (version, code) in [(UInt32(1), "GG-QUANT"), (3, "GG-QUANT"), (2, nil)] {
        var builder = GGUFBuilder()
        builder.add("general.quantization_version", u32: version)
        builder.add("w", shape: [1, 32], type: 2, data: [UInt8](repeating: 0, count: 18))
        let found = try withFile(builder.bytes()) { path in refusal { try Checkpoint.open(path) } }
        #expect(found?.code == code && found?.kind == code.map { _ in .unsupported })
      }
    },
    Trap(
      37, "factors of half precision multiplied in half precision",
      elsewhere: [("golden/tools/crosscheck_export.py", "merged")]
    ) {
      // (1 + 2⁻¹⁰)² needs 21 bits, twice what a half has.
      let factor: Float = 1 + 0x1p-10
      var writer = SafeTensorsWriter()
      for name in ["lora_A", "lora_B"] {
        try writer.add(
          "\(TrapAdapter.prefix).\(name).weight", dtype: .f16, shape: [1, 1], floats: [factor])
      }
      try withTemporaryDirectory { folder in
        try writer.write(to: Paths.join(folder, "adapter_model.safetensors"))
        try AtomicFile.write(
          Paths.join(folder, "adapter_config.json"),
          text: #"{"peft_type":"LORA","r":1,"lora_alpha":1}"#)
        let update = try #require(try TrapAdapter.read(folder).updates.first)
        #expect(TrapAdapter.product(update) == [Double(factor) * Double(factor)])
        #expect(update.squaredNorm == pow(Double(factor), 4))
      }
    },
  ]
}
