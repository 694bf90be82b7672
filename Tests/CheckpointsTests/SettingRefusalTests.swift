import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Settings of which each is possible and two are not (`formats/hf.md` §3, `formats/gguf.md` §7).
@Suite struct SettingRefusalTests {
  @Test func widthsAreHeads() throws {
    try withModelCopy("gptneox", ["num_attention_heads": 3]) { (path) throws in
      let found = fault { _ = try BaseCheckpoint.open(path) }
      #expect(found?.code == "CFG" && found?.exitCode == 65, "\(found?.line ?? "read")")
      #expect(found?.reason.contains("does not divide into 3 heads") == true)
      #expect(found?.path == path + "/config.json")
    }
  }

  /// Llama turns all dimensions of a head.
  @Test func sharesThatTurnAreTheFamilys() throws {
    let rotary: [String: Any] = [
      "rope_type": "default", "rope_theta": 10_000, "partial_rotary_factor": 0.5,
    ]
    try TinyLlama.withCopy(config: { $0["rope_parameters"] = rotary }) { (path) throws in
      let found = fault { _ = try BaseCheckpoint.open(path) }
      #expect(found?.code == "CFG-UNSUPPORTED" && found?.exitCode == 69, "\(found?.line ?? "read")")
      #expect(found?.reason.contains("partial_rotary_factor") == true)
      #expect(found?.path == path + "/config.json")
    }
  }

  /// A key of a golden model, by its end, set to a signed number.
  static let keys: [(String, String, Int32)] = [
    ("mixtral", "expert_used_count", 5), ("gemma3", "attention.sliding_window_pattern", -1),
    ("gemma2", "attention.sliding_window", -1),
  ]

  @Test(arguments: keys) func numbersOfGGUFGoTogether(name: String, key: String, value: Int32)
    throws
  {
    let path = Checkout.path("golden/models/\(name)/model.gguf")
    var builder = try #require(
      GGUFBuilder(reading: try InputFile(path).readAll(limit: 1 << 24)))
    let architecture = name == "mixtral" ? "llama" : name
    let whole = "\(architecture).\(key)"
    builder.set(whole) { $0.add(whole, raw: 5, GGUFBuilder.little(value)) }
    try withTemporaryDirectory { folder in
      let path = folder + "/a.gguf"
      try Data(builder.bytes()).write(to: URL(fileURLWithPath: path))
      let found = fault { _ = try BaseCheckpoint.open(path) }
      #expect(found?.code == "GG-META" && found?.exitCode == 65, "\(found?.line ?? "read")")
      #expect(found?.reason.contains("\(value)") == true && found?.path == path)
    }
  }
}
