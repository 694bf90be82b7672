import Foundation
import TestSupport
import Testing
import Verification

/// A wrong answer must not pass: each case is copied with one number changed.
struct PerturbationTests {
  @Test(arguments: [
    ("projection/square-ranks", "\"scaling\": 2.0", "\"scaling\": 2.001"),
    ("projection/square-ranks", "\"ridge\": 0.001", "\"ridge\": 0.002"),
    ("training/tiny-ce-gradient", "\"loss\": 5.29", "\"loss\": 5.28"),
    ("training/tiny-ce-gradient", "\"seed\": 20261124", "\"seed\": 20261125"),
    ("training/tiny-adamw", "\"beta2\": 0.999", "\"beta2\": 0.99"),
    ("training/tiny-adamw", "\"warmup\": 3", "\"warmup\": 4"),
    ("forward/tiny-base", "\"ids\": [1, 2, 3]", "\"ids\": [1, 2, 4]"),
    ("forward/tiny-base", "\"seed\": 7", "\"seed\": 8"),
    (
      "quantisers/latents-and-pairs", "\"name\": \"int4\", \"storage\": \"int4\"",
      "\"name\": \"int4\", \"storage\": \"int3\""
    ),
    ("artifact/int8-residual", "\"storage\": \"int8\"", "\"storage\": \"int4\""),
    ("artifact/int4-top", "\"directions\": \"top\"", "\"directions\": \"selected\""),
    ("models/qwen3", "\"prompt\": [2, 132", "\"prompt\": [2, 133"),
    ("models/qwen3", "\"completion\": [243", "\"completion\": [244"),
    ("models/qwen3", "\"seed\": 20261130", "\"seed\": 20261131"),
    ("models/qwen3", "layers.1.mlp.down_proj", "layers.1.mlp.up_proj"),
    ("models/gemma2", "\"gradient\": 0.0001", "\"gradient\": 1e-12"),
    ("models/bert", "\"ids\": [2, 62", "\"ids\": [2, 63"),
    ("models/bert", "\"moments\": 0.01", "\"moments\": 1e-9"),
    ("models/vit", "\"adapter\": 1e-05", "\"adapter\": 1e-12"),
    ("export/int4-top", "\"values\": 2e-06", "\"values\": 1e-12"),
  ])
  func fails(_ name: String, _ found: String, _ changed: String) throws {
    try withTemporaryDirectory { directory in
      let manager = FileManager.default
      let folder = directory + "/golden/" + name
      try manager.createDirectory(
        atPath: directory + "/golden/" + name.split(separator: "/")[0],
        withIntermediateDirectories: true)
      try manager.copyItem(atPath: Checkout.path("golden/" + name), toPath: folder)
      try manager.copyItem(
        atPath: Checkout.path("golden/tiny"), toPath: directory + "/golden/tiny")
      // What exports are made of are inputs of other cases.
      if name.hasPrefix("export/") {
        try manager.copyItem(
          atPath: Checkout.path("golden/artifact"), toPath: directory + "/golden/artifact")
      }
      let path = folder + "/case.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try #require(text.contains(found))
      try text.replacingOccurrences(of: found, with: changed)
        .write(toFile: path, atomically: true, encoding: .utf8)
      let result = try #require(
        try Verifier().run(directory + "/golden", only: [name]).results.first)
      #expect(result.state == .failed)
      #expect(result.measurements.contains { !$0.passed }, "\(result.reason ?? "")")
    }
  }
}
