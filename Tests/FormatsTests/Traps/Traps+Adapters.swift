import Adapters
import Checkpoints
import Faults
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// Scaling, orientation and pairing of adapters that are read.
extension TrapTests {
  static let adapters: [Trap] = [
    Trap(2, "rows of B left as llama.cpp stores them, or moved twice") {
      try TrapAdapter.expectGolden("gguf-lora")
      // Written and read again they are where they were.
      let configuration = try BaseCheckpoint.open(TinyLlama.folder).configuration
      let adapter = try Adapter.open(Checkout.path("golden/tiny/adapter"))
        .matched(to: configuration)
      try withTemporaryDirectory { folder in
        let path = Paths.join(folder, "adapter.gguf")
        try GGUFLoRAWriter.write(adapter.updates, to: path, configuration: configuration)
        let read = try Adapter.open(path)
        #expect(read.updates.map(\.loraB) != adapter.updates.map(\.loraB))
        let again = try read.matched(to: configuration)
        for (a, b) in zip(again.updates, adapter.updates) {
          #expect(relativeError(TrapAdapter.product(a), TrapAdapter.product(b)) < 1e-6)
        }
      }
    },
    Trap(3, "use_rslora ignored") {
      let plain = try TrapAdapter.open(TrapAdapter.peft()).updates[0]
      let stable = try TrapAdapter.open(TrapAdapter.peft(["use_rslora": true])).updates[0]
      #expect(plain.scaling == 2 && stable.scaling == 4 / 2.0.squareRoot())
    },
    Trap(
      4, "patterns ignored, matched inside names, or taken in any order",
      elsewhere: [("Tests/AdaptersTests/ModulePatternTests.swift", "ModulePattern(")]
    ) {
      let patterns: JSONValue = ["proj": 100, "q_proj": 6, "self_attn.q_proj": 10]
      let update = try TrapAdapter.open(TrapAdapter.peft(["alpha_pattern": patterns])).updates[0]
      #expect(update.scaling == 3)
      let ranks: JSONValue = ["proj": 7, ".*q_proj": 2, "q_proj": 9]
      let ranked = TrapAdapter.peft(["r": 8, "rank_pattern": ranks])
      #expect(try TrapAdapter.open(ranked).updates[0].scaling == 2)
    },
    Trap(8, "fan_in_fan_out: a change transposed, or not, where the matrix is square") {
      let square: (a: [Int], b: [Int]) = ([2, 4], [4, 2])
      let plain = try TrapAdapter.open(TrapAdapter.peft(pair: square))
      // The flag is about how Conv1D bases are stored; linear modules, which alone are read, have none.
      let flagged = try TrapAdapter.open(TrapAdapter.peft(["fan_in_fan_out": true], pair: square))
      #expect(plain.updates == flagged.updates)
      #expect(flagged.warnings.lines.contains { $0.contains("fan_in_fan_out") })
    },
    Trap(9, "MLX: factors not transposed, scale divided by the rank, taken for PEFT") {
      try TrapAdapter.expectGolden("mlx")
      let adapter = try TrapAdapter.open(
        LooseAdapter(
          tensors: [
            ("\(TrapAdapter.module).lora_a", [3, 2]), ("\(TrapAdapter.module).lora_b", [2, 3]),
          ],
          configuration: [
            "fine_tune_type": "lora", "lora_parameters": ["rank": 2, "scale": 10.0],
          ]))
      #expect(adapter.dialect == .mlx && adapter.updates[0].scaling == 10)
      // lora_a is −5 2 −2 5 1 −3 by rows: A has its columns.
      #expect(adapter.updates[0].loraA.elements == [-5, -2, 1, 2, 5, -3])
    },
    Trap(10, "kohya: alpha missing or 0 taken for 0, alpha over rank applied twice") {
      try TrapAdapter.expectGolden("kohya-lora")
      for (alpha, scaling) in [(Float?.none, 1.0), (0, 1), (1, 0.5), (4, 2)] {
        var writer = SafeTensorsWriter()
        let name = "lora_te_\(TrapAdapter.module.replacing(".", with: "_"))"
        try writer.add(
          "\(name).lora_down.weight", shape: [2, 4], floats: [1, 2, 3, 4, 5, 6, 7, 8])
        try writer.add("\(name).lora_up.weight", shape: [3, 2], floats: [1, 2, 3, 4, 5, 6])
        if let alpha { try writer.add("\(name).alpha", shape: [], floats: [alpha]) }
        try withTemporaryDirectory { folder in
          try writer.write(to: Paths.join(folder, "net.safetensors"))
          let adapter = try TrapAdapter.read(folder)
          #expect(adapter.updates.map(\.scaling) == [scaling], "\(alpha ?? .nan)")
        }
      }
    },
    Trap(11, "GGUF LoRA: alpha 0 taken for no update") {
      try TrapAdapter.expectGolden("gguf-lora-unscaled")
      let adapter = try TrapAdapter.read(
        Checkout.path("golden/adapters_dialects/gguf-lora-unscaled"))
      #expect(adapter.updates.allSatisfy { $0.scaling == 1 })
    },
    Trap(
      21, "half a pair skipped, modules that match nothing skipped",
      elsewhere: [("Tests/AdaptersTests/AdapterTests.swift", "matchingNamesTheNearestModule")]
    ) {
      expectHalfIsRefused("lora_A")
      expectHalfIsRefused("lora_B")
      let adapter = try TrapAdapter.open(TrapAdapter.peft())
      let modules: [Adapter.Module] = [("model.layers.1.mlp.up_proj", 3, 4)]
      let found = refusal { try adapter.matched(to: modules) }
      #expect(found?.code == "AD-TARGET" && found?.tensor == TrapAdapter.module)
    },
    Trap(
      35, "adapter_model.bin: strides ignored, storages that tensors share",
      elsewhere: [
        ("Tests/CheckpointsTests/TorchFileTests.swift", "contiguousTransposedAndOffsetViews()")
      ]
    ) {
      let storage: [UInt8] = (1...6).flatMap { GGUFBuilder.little(Float($0).bitPattern) }
      let transposed = TorchBuilder(
        program: TorchBuilder.program(shape: [3, 2], strides: [1, 3]), storages: [("0", storage)])
      try withFile(transposed.bytes(), named: "adapter_model.bin") { path in
        let file = try TorchFile(file: try InputFile(path))
        #expect(try file.floats(of: file.tensors[0]) == [1, 4, 2, 5, 3, 6])
      }
      try TrapAdapter.expectGolden("bin")
    },
    Trap(
      39, "LoRA-XS: the latent's other spelling missed, and B·A taken for the update"
    ) {
      try TrapAdapter.expectGolden("lora-xs")
      let spellings = ["_lora_latent_mapping", ".default_lora_latent_mapping"]
      let read = try spellings.map {
        try TrapAdapter.open(
          TrapAdapter.peft([:], [("\(TrapAdapter.prefix)\($0).weight", [2, 2])]))
      }
      let plain = try TrapAdapter.open(TrapAdapter.peft())
      #expect(read.allSatisfy { $0.dialect == .loraXS })
      #expect(read[0].updates == read[1].updates && read[0].updates != plain.updates)
      let other = TrapAdapter.prefix.replacing("q_proj", with: "v_proj")
      let half = TrapAdapter.peft(
        [:],
        [
          ("\(TrapAdapter.prefix)\(spellings[0]).weight", [2, 2]),
          ("\(other).lora_A.weight", [2, 4]), ("\(other).lora_B.weight", [3, 2]),
        ])
      #expect(refusal { try TrapAdapter.open(half) }?.code == "AD-PAIR")
    },
  ]

  private static func expectHalfIsRefused(_ half: String) {
    let tensors = TrapAdapter.peft().tensors.filter { !$0.name.contains(half) }
    let adapter = TrapAdapter.peft(tensors: tensors)
    #expect(refusal { try TrapAdapter.open(adapter) }?.code == "AD-PAIR")
  }
}
