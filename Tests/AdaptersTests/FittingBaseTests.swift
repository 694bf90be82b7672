import Adapters
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters that are sound by themselves, and values or a base beside which they are not.
@Suite struct FittingBaseTests {
  private static let module = TinyAdapter.query

  // MARK: - Values

  /// A scaling beyond all that `alpha` can mean, in a file whose tensors are small.
  @Test func alphaOfDiffusersHasABound() throws {
    try withTemporaryDirectory { (folder) throws in
      let name = "text_encoder.layers.0.q_proj"
      var writer = SafeTensorsWriter()
      try writer.add("\(name).lora_A.weight", dtype: .f32, shape: [1, 2], floats: [1, 2])
      try writer.add("\(name).lora_B.weight", dtype: .f32, shape: [2, 1], floats: [1, 2])
      try writer.add("\(name).alpha", dtype: .f32, shape: [], floats: [1e20])
      try writer.write(to: Paths.join(folder, "pytorch_lora_weights.safetensors"))
      let found = fault { () throws(Fault) in try Adapter.open(folder) }
      #expect(found?.code == "AD-ALPHA" && found?.exitCode == 65, "\(found?.line ?? "read")")
      #expect(found?.tensor == "\(name).alpha")
    }
  }

  /// `adapter.alora.invocation_tokens`: no update is active everywhere.
  @Test func invocationTokensOfGGUFAreRefused() throws {
    try withTemporaryDirectory { (folder) throws in
      var file = GGUFBuilder()
      file.add("general.type", string: "adapter")
      file.add("general.architecture", string: "llama")
      file.add("adapter.type", string: "lora")
      file.add("adapter.lora.alpha", f32: 2)
      file.add("blk.0.attn_q.weight.lora_a", shape: [1, 2], floats: [1, 2])
      file.add("blk.0.attn_q.weight.lora_b", shape: [2, 1], floats: [1, 2])
      let path = Paths.join(folder, "a.gguf")
      try AtomicFile.write(path, bytes: file.bytes())
      #expect(try Adapter.open(path).updates.count == 1)
      file.add("adapter.alora.invocation_tokens", integers: [1, 2])
      try AtomicFile.write(path, bytes: file.bytes())
      let found = fault { () throws(Fault) in try Adapter.open(path) }
      #expect(found?.code == "AD-FIELD" && found?.exitCode == 69, "\(found?.line ?? "read")")
      #expect(found?.path == path && found?.reason.contains("invocation_tokens") == true)
    }
  }

  /// A tensor of another file is none of a sharded adapter's.
  @Test func shardsHaveTheirTensorsOnly() throws {
    try withTemporaryDirectory { (folder) throws in
      var map = JSONObject()
      for number in 1...2 {
        var writer = SafeTensorsWriter()
        let file = "adapter_model-0000\(number)-of-00002.safetensors"
        try writer.add("\(number).q_proj.lora_A.weight", dtype: .f32, shape: [1], floats: [1])
        map["\(number).q_proj.lora_A.weight"] = .string(file)
        try writer.write(to: Paths.join(folder, file))
      }
      try AtomicFile.write(
        Paths.join(folder, "adapter_model.safetensors.index.json"),
        text: JSONValue.object(["weight_map": .object(map)]).text())
      let files = try AdapterFiles(folder)
      var tensor = try #require(files.tensors.first)
      #expect(try files.floats(of: tensor) == [1])
      tensor.name = "3.q_proj.lora_A.weight"
      let found = fault { () throws(Fault) in try files.floats(of: tensor) }
      #expect(found?.code == "ST-MISSING" && found?.exitCode == 65)
      #expect(found?.tensor == tensor.name)
    }
  }

  /// kohya's tools take an alpha of 0 for a scale of 1.
  @Test func kohyaHasNoScaleOfZero() throws {
    let one = Matrix<Float>(rows: 1, columns: 1)
    try withTemporaryDirectory { (folder) throws in
      let found = fault { () throws(Fault) in
        try KohyaWriter.write(
          [LowRankUpdate(moduleName: Self.module, loraA: one, loraB: one, scaling: 0)],
          to: Paths.join(folder, "a.safetensors"), baseModelName: nil)
      }
      #expect(found?.code == "AD-EXPORT" && found?.exitCode == 69)
      #expect(found?.tensor == Self.module)
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  /// mlx-lm has one tensor for all experts of a block.
  @Test func mlxHasNoExpertsOfTheirOwn() throws {
    let name = "model.layers.0.mlp.experts.3.up_proj"
    var one = Matrix<Float>(rows: 1, columns: 1)
    one.elements = [1]
    let update = LowRankUpdate(moduleName: name, loraA: one, loraB: one, scaling: 1)
    try withTemporaryDirectory { (folder) throws in
      let found = fault { () throws(Fault) in
        try MLXWriter.write([update], to: folder, layerCount: 1, baseModelName: nil)
      }
      #expect(found?.code == "AD-EXPORT" && found?.exitCode == 69 && found?.tensor == name)
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  // MARK: - Bases

  /// An adapter of the model and one of the model without its head, in one file.
  @Test func oneModuleUnderTwoNamesIsChangedTwice() throws {
    var tiny = TinyAdapter()
    tiny.addPair("layers.0.self_attn.q_proj", outFeatures: 3, inFeatures: 4, rank: 2)
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      let adapter = try Adapter.open(folder)
      let found = fault { () throws(Fault) in
        try adapter.matched(to: [(Self.module, 3, 4), (TinyAdapter.up, 5, 4)])
      }
      #expect(found?.code == "AD-DUP" && found?.exitCode == 65, "\(found?.line ?? "matched")")
      #expect(found?.tensor?.hasSuffix("layers.0.self_attn.q_proj") == true)
      #expect(found?.path?.hasPrefix(folder) == true)
    }
  }

  private func resolution(of tiny: TinyAdapter) throws -> Fault? {
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      let adapter = try Adapter.open(folder)
      let found = fault { () throws(Fault) in
        try adapter.resolved { (_) throws(Fault) in Matrix(rows: 3, columns: 4) }
      }
      #expect(found?.exitCode == 65 && found?.tensor == Self.module, "\(found?.line ?? "resolved")")
      #expect(found?.path?.hasPrefix(folder) == true)
      return found
    }
  }

  /// DoRA beside a weight of zeros, whose update is zero too.
  @Test func aRowWithoutNormHasNoDirection() throws {
    var tiny = TinyAdapter()
    tiny.remove("up_proj")
    tiny.set("use_dora", true)
    for index in tiny.tensors.indices {
      tiny.tensors[index].values = tiny.tensors[index].values.map { _ in 0 }
    }
    tiny.add("base_model.model.\(Self.module).lora_magnitude_vector", [3])
    let found = try resolution(of: tiny)
    #expect(found?.code == "VAL-RANGE" && found?.reason.contains("DoRA") == true)
  }

  /// PiSSA of more components than the weight has.
  @Test func aWeightHasAsManyComponentsAsItsSmallerSide() throws {
    var tiny = TinyAdapter()
    tiny.remove("proj")
    tiny.set("r", 4)
    tiny.set("init_lora_weights", "pissa")
    tiny.addPair(Self.module, outFeatures: 3, inFeatures: 4, rank: 4)
    #expect(try resolution(of: tiny)?.code == "AD-RANK")
  }

  // MARK: - Words for modules

  /// Without `target_modules` the tensors decide in the layers that the configuration means.
  @Test func layersHoldWithoutTargets() throws {
    var tiny = TinyAdapter()
    tiny.set("target_modules", nil)
    tiny.set("layers_to_transform", [1])
    let second = TinyAdapter.query.replacing("layers.0", with: "layers.1")
    tiny.addPair(second, outFeatures: 3, inFeatures: 4, rank: 2)
    try withTemporaryDirectory { (folder) throws in
      try tiny.write(to: folder)
      let adapter = try Adapter.open(folder)
      #expect(adapter.updates.map(\.moduleName) == [second])
      let targets = adapter.warnings.filter { $0.kind == "AD-TARGET" }
      #expect(Set(targets.compactMap(\.subject)) == [Self.module, TinyAdapter.up])
      #expect(targets.contains { $0.message.contains("target_modules is missing") })
    }
  }

  @Test func wordsThatTakeTooLongAreRefused() throws {
    let words = try TargetModules(["a*x"])
    let found = fault { () throws(Fault) in
      try words.places(among: [String(repeating: "a", count: 5000)])
    }
    #expect(found?.code == "AD-PATTERN" && found?.exitCode == 69)
    #expect(found?.reason.contains("a*x") == true)
  }
}
