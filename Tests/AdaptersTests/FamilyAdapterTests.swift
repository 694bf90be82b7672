import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Adapters of every family of `golden/models/`: by PEFT's form and by llama.cpp's and back, and copies of the GGUF model
/// with new weights.
@Suite struct FamilyAdapterTests {
  private func base(_ name: String, gguf: Bool) throws -> BaseCheckpoint {
    let folder = Checkout.path("golden/models/\(name)")
    return try BaseCheckpoint.open(gguf ? folder + "/model.gguf" : folder)
  }

  private func updates(_ base: BaseCheckpoint) -> [LowRankUpdate] {
    base.linearModules.enumerated().map { index, module in
      var generator = SeededGenerator(seed: 7, stream: UInt64(index + 1))
      func factor(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        Matrix(
          rows: rows, columns: columns,
          elements: generator.normals(rows * columns).map { Float($0) })
      }
      return LowRankUpdate(
        moduleName: module.name, loraA: factor(2, module.inFeatures),
        loraB: factor(module.outFeatures, 2), scaling: 2)
    }
  }

  @Test(arguments: GoldenFamilies.all)
  func comesBackFromPEFT(_ name: String) throws {
    let base = try base(name, gguf: false)
    try withTemporaryDirectory { folder in
      let written = updates(base)
      try PEFTWriter.write(written, to: folder + "/adapter", baseModelName: nil)
      try check(Adapter.open(folder + "/adapter"), base, written)
    }
  }

  @Test(arguments: GoldenFamilies.withGGUF)
  func comesBackFromLlamaCpp(_ name: String) throws {
    let base = try base(name, gguf: true)
    try withTemporaryDirectory { folder in
      let (written, path) = (updates(base), folder + "/adapter.gguf")
      if base.configuration.expertCount > 0 {
        let found = fault { () throws(Fault) in
          try GGUFLoRAWriter.write(written, to: path, configuration: base.configuration)
        }
        #expect(found?.code == "AD-EXPORT" && found?.reason.contains("all experts") == true)
        return
      }
      try GGUFLoRAWriter.write(written, to: path, configuration: base.configuration)
      try check(Adapter.open(path), base, written)
    }
  }

  private func check(
    _ adapter: Adapter, _ base: BaseCheckpoint, _ written: [LowRankUpdate]
  ) throws {
    let found = try adapter.matched(to: base.configuration).updates
    #expect(found.map(\.moduleName) == base.linearModules.map(\.name))
    for (found, written) in zip(found, written) {
      #expect(found.loraA == written.loraA && found.loraB == written.loraB)
      #expect(found.scaling == written.scaling)
    }
  }

  /// Every weight written anew with its own values is the same model: order of rows, norms and all.
  @Test(arguments: GoldenFamilies.withGGUF)
  func copiesAreTheSameModel(_ name: String) throws {
    let base = try base(name, gguf: true)
    let names = base.configuration.parameters.map(\.name).filter {
      base.checkpoint.tensor($0) != nil
    }
    try withTemporaryDirectory { folder in
      let path = folder + "/copy.gguf"
      try GGUFCopy(of: base.checkpoint).write(to: path, replacing: Set(names), type: .f32) {
        (name) throws(Fault) in try base.checkpoint.floats(name)
      }
      let copy = try BaseCheckpoint.open(path)
      #expect(copy.configuration == base.configuration)
      for name in names {
        let (a, b) = try (base.digest(name), copy.digest(name))
        #expect(a == b, "\(name)")
      }
    }
  }
}
