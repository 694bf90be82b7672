import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Adapters beyond plain LoRA against the parameters that PEFT merges and PyTorch computes
/// (`golden/tools/make_variants.py`).
@Suite struct AdapterVariantTests {
  static let root = "golden/adapters_variants"
  /// Cases on golden/tiny/model, with the largest error that Float32 arithmetic of PEFT's own explains.
  static let llama: [(name: String, tolerance: Double)] = [
    ("dora", 1e-6), ("pissa", 5e-6), ("olora", 2e-6), ("kasa", 2e-6), ("bdlora", 1e-6),
    ("tokens", 1e-6), ("embedding", 1e-6), ("saved", 1e-6), ("mlx-dora", 1e-6),
    ("kohya-differences", 1e-6),
    ("gguf-embedding", 1e-6),
  ]
  /// Cases on models of other families.
  static let other = ["conv1d", "lora-bias", "convolution", "experts", "kohya-convolution"]

  private static func answers(_ name: String) throws -> [String: [Float]] {
    let file = try SafeTensorsFile.open(Checkout.path("\(root)/expected.safetensors"))
    var result: [String: [Float]] = [:]
    for tensor in file.tensors where tensor.name.hasPrefix(name + "/") {
      result[String(tensor.name.dropFirst(name.count + 1))] = try file.floats(of: tensor)
    }
    return result
  }

  /// All parts and updates of `parameter` applied to its values.
  static func changed(_ values: [Float], _ parameter: String, by adapter: Adapter)
    -> [Float]
  {
    var result = values
    for part in adapter.parts where part.parameter == parameter { part.apply(to: &result) }
    for update in adapter.updates where update.moduleName + ".weight" == parameter {
      let product = DialectGoldenTests.product(update)
      for index in result.indices { result[index] = Float(Double(result[index]) + product[index]) }
    }
    return result
  }

  private static func resolved(
    _ name: String, _ magnitudes: MagnitudeHandling = .approximate
  ) throws -> (Adapter, BaseCheckpoint) {
    let base = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
    let adapter = try Adapter.open(Checkout.path("\(root)/\(name)"))
      .matched(to: base.configuration)
      .resolved(magnitudes: magnitudes) { (module) throws(Fault) in
        try base.matrix(module + ".weight")
      }
    return (adapter, base)
  }

  @Test(arguments: llama, MagnitudeHandling.allCases)
  func mergesAsTheirProgramsDo(
    _ item: (name: String, tolerance: Double), magnitudes: MagnitudeHandling
  )
    throws
  {
    let (adapter, base) = try Self.resolved(item.name, magnitudes)
    #expect(!adapter.needsResolution)
    let answers = try Self.answers(item.name)
    #expect(answers.count >= 2)
    for (parameter, answer) in answers {
      let values = try base.checkpoint.floats(parameter)
      #expect(values != answer, "\(parameter) does not change")
      let error = relativeError(
        Self.changed(values, parameter, by: adapter).map { Double($0) }, answer)
      #expect(error < item.tolerance, "\(parameter): \(error)")
    }
  }

  @Test func magnitudesAreKeptAsRowFactors() throws {
    let (kept, _) = try Self.resolved("dora", .keep)
    #expect(kept.updates.map(\.rank) == [2, 2])
    #expect(kept.parts.map(\.parameter) == kept.updates.map { $0.moduleName + ".weight" })
    #expect(kept.warnings.lines.contains { $0.contains("magnitudes are carried") })
    let (folded, _) = try Self.resolved("dora")
    #expect(folded.updates.map(\.rank) == [32, 32] && folded.parts.isEmpty)
    // Shipped sizes, not those of the full-rank change.
    #expect(folded.rank == 2 && folded.parameterCount == kept.parameterCount)
    #expect(folded.warnings.lines.contains { $0.contains("full-rank") && $0.contains("%") })
  }

  @Test func changedBasesAreMentioned() throws {
    for name in ["pissa", "olora", "kasa"] {
      let (adapter, _) = try Self.resolved(name)
      #expect(adapter.warnings.lines.contains { $0.contains("computed again from this base") })
      #expect(adapter.updates.map(\.rank) == [4, 4])
    }
  }

  /// The tiny model's head is its own; where head and embeddings are one, trained rows are rows of both.
  @Test func rowsOfTiedEmbeddingsAreRowsOfTheHead() throws {
    var configuration = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
      .configuration
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/tokens"))
    #expect(try adapter.matched(to: configuration).parts.count == 1)
    configuration.hasTiedEmbeddings = true
    #expect(
      try adapter.matched(to: configuration).parts.map(\.parameter)
        == ["model.embed_tokens.weight", "lm_head.weight"])
    let embedding = try Adapter.open(Checkout.path("\(Self.root)/embedding"))
    #expect(
      Set(try embedding.matched(to: configuration).parts.map(\.parameter))
        == ["model.embed_tokens.weight"])
  }

  /// Factors of PEFT's stacks are those of a Mixtral base's own modules.
  @Test func stacksAreUnstacked() throws {
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/experts"))
    let (before, after) = (try Self.answers("base/experts"), try Self.answers("experts"))
    var configuration = try BaseCheckpoint.open(Checkout.path("golden/models/mixtral"))
      .configuration
    configuration.layerCount = 1
    configuration.hiddenSize = 8
    configuration.feedForwardSize = 12
    configuration.expertCount = 3
    let updates = try adapter.matched(to: configuration).updates
    #expect(updates.count == 9)
    for (leaf, parts) in [("gate_up_proj", ["w1", "w3"]), ("down_proj", ["w2"])] {
      let parameter = "model.layers.0.mlp.experts.\(leaf)"
      let (values, answer) = try (#require(before[parameter]), #require(after[parameter]))
      let changes = try (0..<3).flatMap { expert in
        try parts.flatMap { part in
          let name = "model.layers.0.block_sparse_moe.experts.\(expert).\(part)"
          return DialectGoldenTests.product(
            try #require(updates.first { $0.moduleName == name }))
        }
      }
      let found = zip(values, changes).map { Double($0) + $1 }
      #expect(relativeError(found, answer) < 1e-6, "\(leaf)")
    }
    configuration.expertCount = 4
    let more = fault { () throws(Fault) in try adapter.matched(to: configuration) }
    #expect(more?.code == "AD-BASE" && more?.reason.contains("experts") == true)
    configuration.expertCount = 2
    let fewer = fault { () throws(Fault) in try adapter.matched(to: configuration) }
    #expect(fewer?.code == "AD-TARGET")
  }

  @Test(arguments: other) func otherFamiliesAreReadExactly(name: String) throws {
    let adapter = try Adapter.open(Checkout.path("\(Self.root)/\(name)"))
    let (before, after) = (try Self.answers("base/\(name)"), try Self.answers(name))
    let file = try SafeTensorsFile.open(Checkout.path("\(Self.root)/expected.safetensors"))
    #expect(before.keys == after.keys)
    for (parameter, values) in before {
      let shape = try file.tensor("\(name)/\(parameter)").shape
      // Conv1D stores [in, out].
      let isTransposed = name == "conv1d" || name == "lora-bias"
      func turned(_ values: [Float], _ rows: Int, _ columns: Int) -> [Float] {
        Matrix(rows: rows, columns: columns, elements: values).transposed.elements
      }
      guard let answer = after[parameter] else { continue }
      let found: [Float]
      if isTransposed, shape.count == 2 {
        let change = Self.changed(turned(values, shape[0], shape[1]), parameter, by: adapter)
        found = turned(change, shape[1], shape[0])
      } else {
        found = Self.changed(values, parameter, by: adapter)
      }
      #expect(found != values, "\(parameter) does not change")
      #expect(relativeError(found.map { Double($0) }, answer) < 1e-6, "\(parameter)")
    }
    // A llama base has no such modules.
    let configuration = try BaseCheckpoint.open(Checkout.path(DialectGoldenTests.base))
      .configuration
    let refused = fault { () throws(Fault) in try adapter.matched(to: configuration) }
    #expect(["AD-TENSOR", "AD-TARGET"].contains(refused?.code))
  }
}
