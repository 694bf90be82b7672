import Checkpoints
import Faults
import Foundation
import Tensors
import TestSupport
import Testing

/// Scalings of RoPE that GGUF states and `config.json` has no words for (`formats/hf.md` §5.3).
@Suite struct RotaryExportTests {
  struct Scaling: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What the refusal names; nil where there is none.
    let word: String?
    let change: @Sendable (inout GGUFBuilder) -> Void

    init(
      _ name: String, _ word: String?, _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
    ) {
      (testDescription, self.word, self.change) = (name, word, change)
    }
  }

  static let scalings = [
    Scaling("none", nil) { _ in },
    Scaling("linear", nil) { $0.add("llama.rope.scaling.factor", f32: 2) },
    Scaling("a magnitude alone", nil) { $0.add("llama.rope.scaling.attn_factor", f32: 2) },
    Scaling("linear with a magnitude", "attn_factor") {
      $0.add("llama.rope.scaling.factor", f32: 2)
      $0.add("llama.rope.scaling.attn_factor", f32: 2)
    },
    Scaling("linear with divisors", "rope_freqs.weight") {
      $0.add("llama.rope.scaling.factor", f32: 2)
      $0.add("rope_freqs.weight", shape: [4], floats: [1, 1, 2, 8])
    },
    Scaling("of another type", "\"other\"") {
      $0.add("llama.rope.scaling.type", string: "other")
    },
  ]

  @Test(arguments: scalings) func isWrittenOrRefused(_ scaling: Scaling) throws {
    var builder = try TinyLlama.gguf()
    scaling.change(&builder)
    try withTemporaryDirectory { folder in
      let path = folder + "/a.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      let base = try BaseCheckpoint.open(path)
      let found = fault { _ = try base.huggingFaceJSON(base.configuration, dtype: .f32) }
      guard let word = scaling.word else {
        #expect(found == nil, "\(found?.line ?? "")")
        return
      }
      #expect(found?.code == "AD-EXPORT" && found?.exitCode == 69, "\(found?.line ?? "written")")
      #expect(found?.reason.contains(word) == true, "\(found?.line ?? "written")")
    }
  }
}
