import Adapters
import Checkpoints
import Faults
import Files
import JSON
import TestSupport
import Testing

/// Adapters whose factors are not simply added: read as what they are, or refused by name.
extension TrapTests {
  private static let prefix = TrapAdapter.prefix
  /// Where what PEFT merges is compared with what is read.
  private static let variants = "Tests/AdaptersTests/AdapterVariantTests.swift"

  static let adapterKinds: [Trap] = [
    Trap(
      5, "PiSSA, OLoRA, CorDA, LoftQ added to a base that had been changed for them",
      elsewhere: [(variants, "(\"pissa\", ")]
    ) {
      try TrapAdapter.expectGolden("pissa-converted")
      for start in ["pissa", "pissa_niter_4", "olora", "corda", "lora_ga", "loftq"] {
        try TrapAdapter.expectNotPlain(["init_lora_weights": .string(start)])
      }
    },
    Trap(
      6, "KaSA read as LoRA, its diagonal and the base's lost directions forgotten",
      elsewhere: [(variants, "(\"kasa\", ")]
    ) {
      try TrapAdapter.expectNotPlain(
        ["kasa_config": ["beta": 1.0]], [("\(prefix).lora_diag", [2])])
      try TrapAdapter.expectNotPlain([:], [("\(prefix).lora_diag", [2])])
    },
    Trap(
      7, "DoRA read as LoRA",
      elsewhere: [(variants, "(\"dora\", ")]
    ) {
      let magnitude = ("\(prefix).lora_magnitude_vector", [3])
      try TrapAdapter.expectNotPlain(["use_dora": true], [magnitude])
      try TrapAdapter.expectNotPlain(["use_dora": true])
      try TrapAdapter.expectNotPlain([:], [magnitude])
    },
    Trap(
      16, "rows of trained tokens added instead of replaced",
      elsewhere: [(variants, "(\"tokens\", ")]
    ) {
      let rows = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
      try TrapAdapter.expectNotPlain(["trainable_token_indices": [1]], [(rows, [1, 4])])
      try TrapAdapter.expectNotPlain([:], [(rows, [1, 4])])
    },
    Trap(
      17, "embedding factors the wrong way round",
      elsewhere: [(variants, "(\"embedding\", ")]
    ) {
      let embedding = "base_model.model.model.embed_tokens.lora_embedding_"
      try TrapAdapter.expectNotPlain([:], [("\(embedding)A", [2, 9]), ("\(embedding)B", [4, 2])])
    },
    Trap(
      18, "trained biases dropped",
      elsewhere: [(variants, "\"lora-bias\"")]
    ) {
      try TrapAdapter.expectNotPlain(["bias": "all"], [("\(prefix).base_layer.bias", [3])])
      try TrapAdapter.expectNotPlain(["lora_bias": true], [("\(prefix).lora_B.bias", [3])])
    },
    Trap(
      19, "fused experts: the order of ranks and experts, nesting, versions",
      elsewhere: [(variants, "\"experts\"")]
    ) {
      for part in ["experts", "experts.base_layer"] {
        let name = "base_model.model.model.layers.0.mlp.\(part)"
        try TrapAdapter.expectNotPlain(
          ["target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]],
          [("\(name).lora_A.weight", [8, 4]), ("\(name).lora_B.weight", [3, 8])])
      }
    },
    Trap(20, "layers of an expanded stack taken for the base's") {
      let third = prefix.replacing("layers.0", with: "layers.2")
      let pair: [(name: String, shape: [Int])] = [
        ("\(third).lora_A.weight", [2, 4]), ("\(third).lora_B.weight", [3, 2]),
      ]
      // Layers 0, 1, 1 of the base: the third is its second.
      let adapter = TrapAdapter.peft(["layer_replication": [[0, 2], [1, 2]]], tensors: pair)
      let found = try? TrapAdapter.open(adapter)
      #expect(found == nil || found?.updates.first?.moduleName.contains("layers.1.") == true)
    },
    Trap(
      38, "aLoRA, Arrow, BD-LoRA, QALoRA read as plain LoRA",
      elsewhere: [(variants, "(\"bdlora\", ")]
    ) {
      try TrapAdapter.expectNotPlain(["alora_invocation_tokens": [1, 2]])
      try TrapAdapter.expectNotPlain(["arrow_config": ["top_k": 2]])
      try TrapAdapter.expectNotPlain(["use_bdlora": ["nblocks": 2]])
      try TrapAdapter.expectGolden("qalora")
    },
    Trap(40, "attention with one input projection, convolutions in groups") {
      let attention = "base_model.model.model.layers.0.self_attn"
      let fused = TrapAdapter.peft(tensors: [
        ("\(attention).lora_A.weight", [2, 32]), ("\(attention).lora_B.weight", [96, 2]),
      ])
      let base = try BaseCheckpoint.open(TinyLlama.folder).configuration
      #expect(refusal { try TrapAdapter.open(fused).matched(to: base) }?.code == "AD-TARGET")
      let convolution = TrapAdapter.peft(pair: ([2, 4, 3, 3], [3, 2, 1, 1]))
      // A base of the llama family has none, whatever the reader makes of it.
      let found = refusal { try TrapAdapter.open(convolution).matched(to: base) }
      #expect(found != nil)
    },
  ]
}
