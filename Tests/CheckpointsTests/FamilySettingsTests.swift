import Checkpoints
import Faults
import Foundation
import Tensors
import TestSupport
import Testing

/// Settings that only one family has, on its golden model.
@Suite struct FamilySettingsTests {
  private func refusal(_ name: String, _ changes: [String: Any]) throws -> Fault? {
    try withModelCopy(name, changes) { path in
      fault { () throws(Fault) in try BaseCheckpoint.open(path) }
    }
  }

  // MARK: - Experts

  /// Windows are not read, and blocks are named that the model has.
  @Test func otherExpertsAreRefused() throws {
    for name in ["qwen2moe", "qwen3moe"] {
      let window = try refusal(name, ["use_sliding_window": true])
      #expect(window?.code == "CFG-UNSUPPORTED")
      #expect(window?.reason.contains("use_sliding_window") == true)
      let others: [(key: String, value: Any)] = [
        ("decoder_sparse_step", 0), ("mlp_only_layers", [2]), ("mlp_only_layers", [-1]),
        ("mlp_only_layers", 1),
      ]
      for (key, value) in others {
        let found = try refusal(name, [key: value])
        #expect(found?.code == "CFG" && found?.reason.contains(key) == true)
      }
      // Blocks that the files have with experts.
      for (key, value) in [("decoder_sparse_step", 2), ("mlp_only_layers", [0])] as [(String, Any)]
      {
        let found = try refusal(name, [key: value])
        #expect(found?.code == "CK-TENSOR")
        #expect(found?.tensor == "model.layers.0.mlp.gate_proj.weight", "\(found?.tensor ?? "")")
      }
    }
    #expect(try refusal("mixtral", ["num_experts_per_tok": 5])?.code == "CFG")
    // The router has a row for each.
    #expect(try refusal("mixtral", ["num_local_experts": 5])?.code == "CK-SHAPE")
    #expect(try refusal("mixtral", ["num_local_experts": 3])?.code == "CK-SHAPE")
  }

  /// Either name of the number of experts is read.
  @Test func expertsHaveTwoKeys() throws {
    let count: [String: Any] = ["num_local_experts": NSNull(), "num_experts": 6]
    try withModelCopy("qwen3moe", count) { path in
      let base = try BaseCheckpoint.open(path)
      #expect(base.configuration.expertCount == 6)
    }
  }

  /// Matrices of one tensor in GGUF are tensors of their own here.
  @Test func expertsAreMatricesInGGUF() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/mixtral/model.gguf"))
    let stored = try base.checkpoint.floats("blk.1.ffn_down_exps.weight")
    let names = (0..<4).map { "model.layers.1.block_sparse_moe.experts.\($0).w2.weight" }
    #expect(try names.flatMap { try base.matrix($0).elements } == stored)
    #expect(try base.matrixShape(names[3]) == (32, 16))
    let beyond = "model.layers.1.block_sparse_moe.experts.4.w2.weight"
    #expect(fault { () throws(Fault) in try base.matrix(beyond) }?.code == "CK-TENSOR")
  }

  /// Blocks with and without experts, and the weights of all experts in one tensor as the class holds them.
  @Test func blocksDifferInExperts() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/qwen2moe-dense"))
    #expect(base.configuration.blocks.map { $0.experts?.count } == [nil, nil, nil, 4])
    #expect(base.configuration.blocks.map(\.feedForward.size) == [48, 48, 48, 24])
    let stack = try base.checkpoint.floats("model.layers.3.mlp.experts.gate_up_proj")
    let names = (0..<4).flatMap { number in
      ["gate", "up"].map { "model.layers.3.mlp.experts.\(number).\($0)_proj.weight" }
    }
    #expect(try names.flatMap { try base.matrix($0).elements } == stack)
    #expect(try base.matrixShape(names[1]) == (16, 32))
    let third = try BaseCheckpoint.open(Checkout.path("golden/models/qwen3moe-dense"))
    #expect(third.configuration.blocks.map { $0.experts?.count } == [nil, 6])
  }

  /// What is in the stack and beside it is there twice.
  @Test func expertsAreThereOnce() throws {
    try withModelCopy("qwen2moe-dense", [:]) { path in
      let weights = path + "/model.safetensors"
      let file = try SafeTensorsFile.open(weights)
      var writer = SafeTensorsWriter()
      for tensor in file.tensors {
        try writer.add(
          tensor.name, dtype: .f32, shape: tensor.shape, floats: try file.floats(of: tensor))
      }
      try writer.add(
        "model.layers.3.mlp.experts.0.up_proj.weight", dtype: .f32, shape: [16, 32],
        floats: [Float](repeating: 0, count: 16 * 32))
      try FileManager.default.removeItem(atPath: weights)
      try writer.write(to: weights)
      let found = fault { () throws(Fault) in try BaseCheckpoint.open(path) }
      #expect(found?.code == "CK-UNSUPPORTED")
      #expect(found?.tensor == "model.layers.3.mlp.experts.gate_up_proj")
    }
  }

  @Test func stacksOfExpertsAreRefused() throws {
    let down = "model.layers.0.mlp.experts.0.down_proj.weight"
    try withModelCopy(
      "qwen3moe", tensors: { $0 == down ? "model.layers.0.mlp.experts.down_proj" : $0 }
    ) { path in
      let found = fault { () throws(Fault) in try BaseCheckpoint.open(path) }
      #expect(found?.code == "CK-UNSUPPORTED" && found?.reason.contains("all experts") == true)
    }
  }

  // MARK: - StableLM

  /// Announced norms must be there, and others must not.
  @Test func normsOfHeadsAreAnnounced() throws {
    let absent = try refusal("stablelm", ["qk_layernorm": true])
    #expect(absent?.code == "CK-TENSOR")
    #expect(absent?.tensor == "model.layers.0.self_attn.q_layernorm.norms.0.weight")
    let silent = try refusal("stablelm-norms", ["qk_layernorm": false])
    #expect(silent?.code == "CK-UNSUPPORTED" && silent?.tensor?.contains("layernorm.norms") == true)
  }

  /// One matrix in GGUF is a vector a head here: of four heads of queries, two of keys.
  @Test func normsOfHeadsAreRowsInGGUF() throws {
    let base = try BaseCheckpoint.open(Checkout.path("golden/models/stablelm-norms/model.gguf"))
    let stored = try base.checkpoint.floats("blk.1.attn_k_norm.weight")
    #expect(stored.count == 16)
    let names = (0..<2).map { "model.layers.1.self_attn.k_layernorm.norms.\($0).weight" }
    #expect(try names.flatMap { try base.vector($0) } == stored)
    #expect(try base.vector(names[0]) != base.vector(names[1]))
    let beyond = "model.layers.1.self_attn.k_layernorm.norms.2.weight"
    #expect(fault { () throws(Fault) in try base.vector(beyond) }?.code == "CK-TENSOR")
    let count = base.configuration.parameters.filter { $0.name.contains("_layernorm.norms.") }.count
    #expect(count == 2 * (4 + 2))
  }

  // MARK: - Falcon

  @Test(arguments: ["alibi", "bias", "apply_residual_connection_post_layernorm"])
  func otherFalconsAreRefused(_ key: String) throws {
    for name in ["falcon", "falcon-groups"] {
      let found = try refusal(name, [key: true])
      #expect(found?.code == "CFG-UNSUPPORTED" && found?.reason.contains(key) == true)
    }
  }

  @Test func sequentialFalconsAreRefused() throws {
    let found = try refusal("falcon", ["parallel_attn": false])
    #expect(found?.code == "CFG-UNSUPPORTED" && found?.reason.contains("parallel_attn") == true)
    #expect(try refusal("falcon-groups", ["num_ln_in_parallel_attn": 3])?.code == "CFG")
    // Its tensors have two.
    #expect(try refusal("falcon-groups", ["num_ln_in_parallel_attn": 1])?.code == "CK-TENSOR")
  }

  /// One key-value head, said in any of three ways; the class passes over `num_kv_heads` in the first.
  @Test func falconSaysTheSameInSeveralWays() throws {
    let plain = try BaseCheckpoint.open(Checkout.path("golden/models/falcon")).configuration
    #expect(plain.keyValueHeadCount == 1 && plain.headCount == 4)
    let ways: [[String: Any]] = [
      ["num_kv_heads": 4], ["num_kv_heads": NSNull(), "multi_query": NSNull()],
      ["new_decoder_architecture": true, "num_ln_in_parallel_attn": 1, "multi_query": false],
    ]
    for way in ways {
      let found = try withModelCopy("falcon", way) { try BaseCheckpoint.open($0).configuration }
      #expect(found == plain, "\(way)")
    }
    // As many as heads, which its weights do not have.
    let all = try refusal("falcon", ["multi_query": false])
    #expect(all?.code == "CK-SHAPE" && all?.tensor?.contains("query_key_value") == true)
  }

  @Test func groupsOfHeadsAreOrdered() throws {
    // Two groups of two queries, a key and a value, each of one row.
    let order = try #require(HeadPermutation(rows: 8, heads: 4, keyValueHeads: 2))
    #expect((0..<8).map { order.huggingFaceRow(ofGGUF: $0) } == [0, 1, 4, 5, 2, 6, 3, 7])
    // GPT-NeoX: groups of one; Falcon 7B: one group, which is in order.
    let single = try #require(HeadPermutation(rows: 12, heads: 2, keyValueHeads: 2))
    #expect(
      (0..<12).map { single.huggingFaceRow(ofGGUF: $0) } == [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11])
    let one = try #require(HeadPermutation(rows: 12, heads: 4, keyValueHeads: 1))
    for (order, rows) in [(order, 8), (single, 12), (one, 12)] {
      for row in 0..<rows {
        #expect(order.ggufRow(ofHuggingFace: order.huggingFaceRow(ofGGUF: row)) == row)
      }
    }
    #expect((0..<12).allSatisfy { one.huggingFaceRow(ofGGUF: $0) == $0 })
    for (rows, heads, keys) in [(9, 4, 2), (8, 3, 2), (8, 0, 0), (8, 2, 3), (0, 2, 1), (8, 4, 0)] {
      #expect(HeadPermutation(rows: rows, heads: heads, keyValueHeads: keys) == nil)
    }
  }
}
