import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters written for other programs: read back, put together as those programs do, and compared with the
/// update in Float64.
@Suite struct ExportWriterTests {
  private static let query = "model.layers.0.self_attn.q_proj"
  private static let key = "model.layers.1.self_attn.k_proj"
  private static let value = "model.layers.1.self_attn.v_proj"
  private static let down = "model.layers.0.mlp.down_proj"

  private let configuration: DecoderConfiguration

  init() throws {
    configuration = try BaseCheckpoint.open(Checkout.path("golden/tiny/model")).configuration
  }

  /// Small multiples of powers of two: products and sums of them are exact.
  private func update(_ name: String, rank: Int, scaling: Double) throws -> LowRankUpdate {
    let module = try #require(configuration.linearModules.first { $0.name == name })
    let (rows, columns) = (module.outFeatures, module.inFeatures)
    return LowRankUpdate(
      moduleName: name,
      loraA: Matrix(
        rows: rank, columns: columns,
        elements: (0..<rank * columns).map { Float(($0 * 7) % 31 - 15) / 8 }),
      loraB: Matrix(
        rows: rows, columns: rank,
        elements: (0..<rows * rank).map { Float(($0 * 5) % 29 - 14) / 4 }),
      scaling: scaling)
  }

  private func mixed() throws -> [LowRankUpdate] {
    [
      try update(Self.query, rank: 4, scaling: 1), try update(Self.down, rank: 2, scaling: 0.5),
      try update(Self.key, rank: 8, scaling: 1), try update(Self.value, rank: 4, scaling: 1),
    ]
  }

  /// `s · B · A`, `[outFeatures, inFeatures]`.
  private func product(
    _ b: Matrix<Float>, _ a: Matrix<Float>, scaling: Double
  ) -> [Double] {
    var result = [Double](repeating: 0, count: b.rows * a.columns)
    for row in 0..<b.rows {
      for inner in 0..<b.columns {
        for column in 0..<a.columns {
          result[row * a.columns + column] +=
            scaling * Double(b[row, inner]) * Double(a[inner, column])
        }
      }
    }
    return result
  }

  private func product(_ update: LowRankUpdate) -> [Double] {
    product(update.loraB, update.loraA, scaling: update.scaling)
  }

  private func matrix(_ file: SafeTensorsFile, _ name: String) throws -> Matrix<Float> {
    try file.matrix(of: file.tensor(name))
  }

  // MARK: - GGUF

  @Test func ggufAdapterGivesTheUpdate() throws {
    let updates = try mixed()
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "adapter.gguf")
      try GGUFLoRAWriter.write(
        updates.reversed(), to: path, configuration: configuration, name: "mine")
      let file = try Checkpoint.open(path)
      #expect(
        file.metadata == [
          "general.type": "adapter", "general.architecture": "llama", "general.name": "mine",
          "adapter.type": "lora", "adapter.lora.alpha": 4.0,
        ])
      #expect(
        file.tensors.map(\.name) == [
          "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b",
          "blk.0.ffn_down.weight.lora_a", "blk.0.ffn_down.weight.lora_b",
          "blk.1.attn_k.weight.lora_a", "blk.1.attn_k.weight.lora_b",
          "blk.1.attn_v.weight.lora_a", "blk.1.attn_v.weight.lora_b",
        ])
      let names = ["blk.0.attn_q", "blk.0.ffn_down", "blk.1.attn_k", "blk.1.attn_v"]
      let heads = [configuration.headCount, nil, configuration.keyValueHeadCount, nil]
      for (index, update) in updates.enumerated() {
        let (nameA, nameB) = (names[index] + ".weight.lora_a", names[index] + ".weight.lora_b")
        #expect(file.tensor(nameA)?.shape == [update.rank, update.inFeatures])
        #expect(file.tensor(nameB)?.shape == [update.outFeatures, update.rank])
        let a = Matrix(
          rows: update.rank, columns: update.inFeatures, elements: try file.floats(nameA))
        var b = Matrix(
          rows: update.outFeatures, columns: update.rank, elements: try file.floats(nameB))
        if let count = heads[index] { b = restored(b, heads: count) }
        // As llama.cpp: alpha over the rank of this pair.
        #expect(product(b, a, scaling: 4 / Double(update.rank)) == product(update))
      }
    }
  }

  /// GGUF keeps [heads, half, 2] where Hugging Face has [heads, 2, half].
  private func restored(_ matrix: Matrix<Float>, heads: Int) -> Matrix<Float> {
    let half = matrix.rows / heads / 2
    var order: [Int] = []
    for head in 0..<heads {
      for side in 0..<2 {
        for pair in 0..<half { order.append((head * half + pair) * 2 + side) }
      }
    }
    return matrix.selectingRows(order)
  }

  @Test func ggufRefusals() throws {
    let good = try update(Self.query, rank: 2, scaling: 1)
    let foreign = LowRankUpdate(
      moduleName: "lm_head", loraA: good.loraA, loraB: good.loraB, scaling: 1)
    let zero = LowRankUpdate(
      moduleName: Self.query, loraA: good.loraA, loraB: good.loraB, scaling: 0)
    try withTemporaryDirectory { (folder) throws in
      for (updates, code) in [([foreign], "AD-EXPORT"), ([zero], "VAL-RANGE"), ([], "AD-WRITE")] {
        let found = fault { () throws(Fault) in
          try GGUFLoRAWriter.write(
            updates, to: Paths.join(folder, "a.gguf"), configuration: configuration)
        }
        #expect(found?.code == code)
      }
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  // MARK: - MLX

  @Test func mlxFolderGivesTheUpdate() throws {
    let updates = try mixed()
    try withTemporaryDirectory { (folder) throws in
      let rank = try MLXWriter.write(
        updates, to: folder, layerCount: configuration.layerCount, baseModelName: "b")
      #expect(rank == 8)
      let text = try InputFile(Paths.join(folder, "adapter_config.json")).readAll(limit: 1 << 16)
      let json = try JSONValue.parse(text)
      #expect(json["fine_tune_type"] == "lora" && json["num_layers"] == 2)
      let parameters = try #require(json["lora_parameters"])
      #expect(parameters["rank"] == 8)
      #expect(
        parameters["keys"] == [
          "self_attn.q_proj", "mlp.down_proj", "self_attn.k_proj", "self_attn.v_proj",
        ])
      let scale = try #require(parameters["scale"]?.doubleValue)
      let file = try SafeTensorsFile.open(Paths.join(folder, "adapters.safetensors"))
      #expect(file.tensors.count == 8)
      for update in updates {
        let a = try matrix(file, "\(update.moduleName).lora_a")
        let b = try matrix(file, "\(update.moduleName).lora_b")
        #expect(a.rows == update.inFeatures && a.columns == 8)
        #expect(b.rows == 8 && b.columns == update.outFeatures)
        #expect(product(b.transposed, a.transposed, scaling: scale) == product(update))
      }
    }
  }

  @Test func mlxHasBlocksEmbeddingsAndHeadOnly() throws {
    let good = try update(Self.query, rank: 2, scaling: 1)
    let other = LowRankUpdate(
      moduleName: "model.pooler", loraA: good.loraA, loraB: good.loraB, scaling: 1)
    try withTemporaryDirectory { (folder) throws in
      let found = fault { () throws(Fault) in
        try MLXWriter.write([good, other], to: folder, layerCount: 2, baseModelName: nil)
      }
      #expect(found?.code == "AD-EXPORT" && found?.tensor == "model.pooler")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  // MARK: - Embeddings and head

  /// Both turned for embeddings: rows of the first factor are looked up.
  @Test func embeddingsAndHeadAreWritten() throws {
    func update(_ name: String) -> LowRankUpdate {
      let (rows, columns) = (configuration.vocabularySize, configuration.hiddenSize)
      return LowRankUpdate(
        moduleName: name,
        loraA: Matrix(
          rows: 2, columns: columns, elements: (0..<2 * columns).map { Float($0 % 13 - 6) / 8 }),
        loraB: Matrix(rows: rows, columns: 2, elements: (0..<rows * 2).map { Float($0 % 7 - 3) }),
        scaling: 2)
    }
    let updates = [update("lm_head"), update("model.embed_tokens")]
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "adapter.gguf")
      try GGUFLoRAWriter.write(
        updates, to: path, configuration: configuration, baseModelName: "org/base")
      let file = try Checkpoint.open(path)
      #expect(file.tensor("output.weight.lora_a")?.shape == [2, 32])
      #expect(file.tensor("output.weight.lora_b")?.shape == [64, 2])
      // As llama.cpp's converter: [r, tokens] and [r, width], the fastest first.
      #expect(file.tensor("token_embd.weight.lora_a")?.shape == [64, 2])
      #expect(file.tensor("token_embd.weight.lora_b")?.shape == [32, 2])
      #expect(file.metadata["general.base_model.0.name"] == "org/base")
      let tied = fault { () throws(Fault) in
        try GGUFLoRAWriter.write(
          [updates[0]], to: path, configuration: configuration, hasHead: false)
      }
      #expect(tied?.code == "AD-EXPORT" && tied?.reason.contains("merged-gguf") == true)

      let mlx = Paths.join(folder, "mlx")
      try MLXWriter.write(updates, to: mlx, layerCount: 2, baseModelName: "org/base")
      let kohya = Paths.join(folder, "kohya.safetensors")
      try KohyaWriter.write([updates[0]], to: kohya, baseModelName: "org/base")
      for (written, wanted) in [
        (path, updates), (mlx, updates), (kohya, [updates[0]]),
      ] {
        let adapter = try Adapter.open(written)
        let matched = try adapter.matched(to: configuration)
        #expect(matched.parts.count == wanted.count)
        for part in matched.parts {
          let expected = try #require(wanted.first { $0.moduleName == part.module })
          var (found, answer) = (
            [Float](repeating: 0, count: 64 * 32), [Float](repeating: 0, count: 64 * 32)
          )
          part.apply(to: &found)
          AdapterPart(
            module: part.module, leaf: "weight", shape: [64, 32], change: .product(expected)
          ).apply(to: &answer)
          #expect(found == answer, "\(written) \(part.module)")
        }
      }
    }
  }

  // MARK: - kohya

  @Test func kohyaFileGivesTheUpdate() throws {
    let updates = try mixed()
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "a.safetensors")
      try KohyaWriter.write(updates, to: path, baseModelName: "b")
      let file = try SafeTensorsFile.open(path)
      #expect(file.metadata["ss_network_module"] == "networks.lora")
      #expect(file.metadata["ss_network_dim"] == "Dynamic")
      #expect(file.tensors.count == 12)
      for update in updates {
        let name = "lora_te_" + update.moduleName.replacing(".", with: "_")
        let (a, b) = (
          try matrix(file, "\(name).lora_down.weight"), try matrix(file, "\(name).lora_up.weight")
        )
        #expect(try file.tensor("\(name).alpha").shape == [])
        let alpha = try file.floats(of: file.tensor("\(name).alpha"))[0]
        #expect(product(b, a, scaling: Double(alpha) / Double(a.rows)) == product(update))
      }
    }
  }

  @Test func kohyaNamesMustStayApart() throws {
    let good = try update(Self.query, rank: 2, scaling: 1)
    func named(_ name: String) -> LowRankUpdate {
      LowRankUpdate(moduleName: name, loraA: good.loraA, loraB: good.loraB, scaling: 1)
    }
    try withTemporaryDirectory { (folder) throws in
      let found = fault { () throws(Fault) in
        try KohyaWriter.write(
          [named("a.b_c"), named("a_b.c")], to: Paths.join(folder, "a.safetensors"),
          baseModelName: nil)
      }
      #expect(found?.code == "AD-EXPORT")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }

  // MARK: - LoRA-XS

  @Test func loraXSFolderGivesTheUpdate() throws {
    let updates = [
      try update(Self.query, rank: 4, scaling: 1), try update(Self.down, rank: 2, scaling: 1),
    ]
    let modules = updates.map { update in
      var latent = Matrix<Float>(rows: update.rank, columns: update.rank)
      for row in 0..<update.rank {
        for column in 0..<update.rank { latent[row, column] = Float(row - 2 * column) / 4 }
      }
      return LoRAXSWriter.Module(
        name: update.moduleName, down: update.loraA, up: update.loraB, latent: latent)
    }
    try withTemporaryDirectory { (folder) throws in
      #expect(try LoRAXSWriter.write(modules, to: folder, baseModelName: nil) == 4)
      let text = try InputFile(Paths.join(folder, "reconstr_config.json")).readAll(limit: 1 << 16)
      let reconstruction = try JSONValue.parse(text)
      #expect(reconstruction["reconstruction_type"] == "svd")
      #expect(reconstruction["svd"] == ["n_iter": 10, "random_state": 42, "rank": 4])
      let adapter = Paths.join(folder, "ft")
      let config = try JSONValue.parse(
        InputFile(Paths.join(adapter, "adapter_config.json")).readAll(limit: 1 << 16))
      #expect(config["r"] == 4 && config["lora_alpha"] == 4 && config["rank_pattern"] == [:])
      let file = try SafeTensorsFile.open(Paths.join(adapter, "adapter_model.safetensors"))
      #expect(file.tensors.count == 6)
      for module in modules {
        let name = "base_model.model.\(module.name)"
        let a = try matrix(file, "\(name).lora_A.weight")
        let b = try matrix(file, "\(name).lora_B.weight")
        let r = try matrix(file, "\(name)_lora_latent_mapping.weight")
        #expect(a.rows == 4 && b.columns == 4 && r.rows == 4 && r.columns == 4)
        let found = product(Matrix(rows: b.rows, columns: 4, elements: product(b, r)), a)
        let wanted = product(
          Matrix(
            rows: b.rows, columns: module.latent.rows, elements: product(module.up, module.latent)),
          module.down)
        #expect(found == wanted)
      }
    }
  }

  private func product(_ left: Matrix<Float>, _ right: Matrix<Float>) -> [Float] {
    product(left, right, scaling: 1).map { Float($0) }
  }

  @Test func loraXSNeedsAsManyDirectionsEverywhere() throws {
    let large = LoRAXSWriter.Module(
      name: "a", down: Matrix(rows: 3, columns: 4), up: Matrix(rows: 4, columns: 3),
      latent: Matrix(rows: 3, columns: 3))
    let small = LoRAXSWriter.Module(
      name: "b", down: Matrix(rows: 1, columns: 4), up: Matrix(rows: 2, columns: 1),
      latent: Matrix(rows: 1, columns: 1))
    try withTemporaryDirectory { (folder) throws in
      let found = fault { () throws(Fault) in
        try LoRAXSWriter.write([large, small], to: folder, baseModelName: nil)
      }
      #expect(found?.code == "AD-EXPORT" && found?.tensor == "b")
      #expect(try Paths.entries(of: folder).isEmpty)
    }
  }
}
