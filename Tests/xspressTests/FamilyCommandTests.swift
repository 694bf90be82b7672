import Adapters
import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Every family of `golden/models/` through the tool: an adapter of all its linear modules is converted and exported on
/// either form of the base.
@Suite struct FamilyCommandTests {
  static let folders: [String] = {
    let root = Checkout.path("golden/models")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.filter {
      FileManager.default.fileExists(atPath: "\(root)/\($0)/expected.json")
    }.sorted()
  }()

  @Test(arguments: folders)
  func convertsAndExports(_ name: String) throws {
    let base = Checkout.path("golden/models/\(name)")
    let gguf = base + "/model.gguf"
    try withTemporaryDirectory { folder in
      func path(_ name: String) -> String { Paths.join(folder, name) }
      func run(_ arguments: String...) throws {
        let outcome = try Tool.run(arguments, cache: folder)
        #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
      }
      let original = try BaseCheckpoint.open(base)
      try PEFTWriter.write(updates(original), to: path("adapter"), baseModelName: nil)
      // Directions and values follow from the weights, which the two forms share.
      try run(
        "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "-o",
        path("a.loraxs"))
      let artifact = path("a.loraxs")
      try run(
        "export", artifact, "--base", base, "--to", "merged", "--dtype", "f32", "-o", path("hf"))
      try run(
        "export", artifact, "--base", gguf, "--to", "merged", "--dtype", "f32", "-o",
        path("from-gguf"))
      try run(
        "export", artifact, "--base", gguf, "--to", "merged-gguf", "--dtype", "f32", "-o",
        path("merged.gguf"))
      try run("export", artifact, "--base", gguf, "--to", "peft", "-o", path("peft"))
      let merged = try ["hf", "from-gguf", "merged.gguf"].map {
        try BaseCheckpoint.open(path($0))
      }
      #expect(merged[0].configuration == original.configuration)
      #expect(merged[2].configuration == (try BaseCheckpoint.open(gguf).configuration))
      #expect(
        merged[1].configuration.blocks.map(plain) == merged[2].configuration.blocks.map(plain))
      var changed = 0
      for parameter in original.configuration.parameters {
        if merged[0].checkpoint.tensor(parameter.name) == nil { continue }
        let digests = try merged.map { try $0.digest(parameter.name) }
        #expect(Set(digests).count == 1, "\(parameter.name)")
        if try digests[0] != original.digest(parameter.name) { changed += 1 }
      }
      #expect(changed == original.linearModules.count)
      let back = try Adapter.open(path("peft")).matched(to: original.configuration)
      #expect(back.updates.map(\.moduleName) == original.linearModules.map(\.name))
    }
  }

  /// LongRoPE's factor on cosines and sines has two places.
  private func plain(_ block: Block) -> Block {
    var block = block
    if let rotary = block.attention.rotary, case .longrope(var rule) = rotary.scaling.kind {
      rule.attentionFactor *= rotary.scaling.magnitude
      block.attention.rotary?.scaling = RotaryScaling(.longrope(rule))
    }
    return block
  }

  private func updates(_ base: BaseCheckpoint) -> [LowRankUpdate] {
    base.linearModules.enumerated().map { index, module in
      var generator = SeededGenerator(seed: 7, stream: UInt64(index + 1))
      func factor(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        Matrix(
          rows: rows, columns: columns,
          elements: generator.normals(rows * columns).map { Float(0.1 * $0) })
      }
      return LowRankUpdate(
        moduleName: module.name, loraA: factor(2, module.inFeatures),
        loraB: factor(module.outFeatures, 2), scaling: 2)
    }
  }
}
