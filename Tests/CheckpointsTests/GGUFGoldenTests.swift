import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Decoded blocks against gguf-py, bit for bit (golden/gguf/blocks).
@Suite struct GGUFGoldenTests {
  static let types = [
    "f32", "f16", "bf16", "f64", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k",
    "q5_k", "q6_k", "iq4_nl", "iq4_xs", "mxfp4", "tq1_0", "tq2_0", "nvfp4",
    "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "q1_0", "q2_0",
  ]

  @Test(arguments: types)
  func decodesAsTheReference(_ type: String) throws {
    let blocks = try Checkpoint.open(Checkout.path("golden/gguf/blocks/blocks.gguf"))
    let expected = try Checkpoint.open(Checkout.path("golden/gguf/blocks/expected.safetensors"))
    let found = try blocks.floats(type + ".weight")
    let wanted = try expected.floats(type + ".weight")
    #expect(blocks.tensor(type + ".weight")?.dtypeName.lowercased() == type)
    #expect(blocks.tensor(type + ".weight")?.shape == expected.tensor(type + ".weight")?.shape)
    #expect(found.map(\.bitPattern) == wanted.map(\.bitPattern))
  }

  @Test func coversEveryTensorOfTheFile() throws {
    let blocks = try Checkpoint.open(Checkout.path("golden/gguf/blocks/blocks.gguf"))
    let scaled = ["scaled.weight", "scaled.scale"]
    #expect(Set(blocks.tensors.map(\.name)) == Set(Self.types.map { $0 + ".weight" } + scaled))
  }

  /// An NVFP4 weight takes in the factor beside it.
  @Test func appliesTheFactorOfATensor() throws {
    let blocks = try Checkpoint.open(Checkout.path("golden/gguf/blocks/blocks.gguf"))
    let expected = try Checkpoint.open(Checkout.path("golden/gguf/blocks/expected.safetensors"))
    #expect(
      try blocks.floats("scaled.weight").map(\.bitPattern)
        == expected.floats("scaled.weight").map(\.bitPattern))
  }

  /// Every row of every grid, which random blocks do not reach.
  @Test(arguments: ["iq1_s", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s"])
  func knowsEveryRowOfTheGrids(_ type: String) throws {
    let rows = try Checkpoint.open(Checkout.path("golden/gguf/rows/rows.gguf"))
    let file = try InputFile(Checkout.path("golden/gguf/rows/provenance.json"))
    let expected = try JSONValue.parse(try file.readAll(limit: 1 << 16))["expected"]
    let name = type + ".weight"
    #expect(try rows.digest(name) == expected?[name]?.stringValue)
    #expect(expected?[name]?.stringValue != nil)
  }

  /// The published digest of one tensor of the demo base.
  @Test(.enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"))
  func decodesTheDemoBase() throws {
    let base = try BaseCheckpoint.open(Checkout.demoBase)
    let name = "model.layers.0.mlp.down_proj.weight"
    #expect(try base.digest(name).hasPrefix("0b78b2226f740ed5594510ed990ea6c2"))
    let values = try base.matrix(name).elements
    #expect(
      Array(values[..<4]) == [-0.330810546875, 0.3460693359375, 0.0753173828125, -0.4661865234375])
    #expect(values.reduce(0.0) { $0 + Double($1) } == 150.63577270507812)
    let configuration = base.configuration
    #expect(configuration.layerCount == 30 && configuration.hiddenSize == 576)
    #expect(configuration.headCount == 9 && configuration.keyValueHeadCount == 3)
    #expect(configuration.headDimension == 64 && configuration.feedForwardSize == 1536)
    #expect(configuration.vocabularySize == 49_152 && configuration.hasTiedEmbeddings)
    #expect(configuration.ropeTheta == 100_000 && Float(configuration.normEpsilon) == 1e-5)
    #expect(base.linearModules.count == 210)
  }

  /// Tensors of several types in Hugging Face row order, by gguf-py (golden/decode/demo-base).
  @Test(
    .enabled(if: Checkout.hasDemoBase, "needs the demo base: `make models`"),
    arguments: [
      (
        "model.layers.0.self_attn.q_proj.weight",
        "54b377bbfa2deab945dfdba7fb59e0ca3eb74329358bd1b53b635b3ff37c1a56"
      ),
      (
        "model.embed_tokens.weight",
        "3fd491c8066dd9dc1a2bf6796701526c82817d95c0ecabacdef3013c2b8bbbaa"
      ),
    ])
  func restoresRowOrder(name: String, digest: String) throws {
    #expect(try BaseCheckpoint.open(Checkout.demoBase).digest(name) == digest)
  }
}
