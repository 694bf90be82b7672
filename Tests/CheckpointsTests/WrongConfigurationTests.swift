import Checkpoints
import Faults
import Files
import Foundation
import JSON
import TestSupport
import Testing

/// Every value of the configuration of a model of every family replaced by values of other kinds.
@Suite struct WrongConfigurationTests {
  static let models = [
    "bert", "roberta-score", "qwen2-score", "qwen3", "gemma3", "phi3", "phi2", "gptneox", "falcon",
    "granite",
    "olmo2", "smollm3", "stablelm", "starcoder2", "gpt2",
  ]

  @Test(arguments: models) func isReadOrRefusedInOneLine(_ model: String) throws {
    let source = Checkout.path("golden/models/\(model)")
    let root = try JSONValue.parse(
      InputFile("\(source)/config.json").readAll(limit: 1 << 20))
    try withTemporaryDirectory { folder in
      try FileManager.default.copyItem(
        atPath: "\(source)/model.safetensors", toPath: "\(folder)/model.safetensors")
      var refused = 0
      for path in ChangedJSON.paths(root) {
        for other in ChangedJSON.others {
          let text = ChangedJSON.setting(root, path, other).text()
          try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.json"))
          guard let found = fault({ () throws(Fault) in try BaseCheckpoint.open(folder) }) else {
            continue
          }
          refused += 1
          let words = "\(path.joined(separator: ".")) is \(other.text()): \(found.line)"
          #expect([65, 69, 71].contains(found.exitCode), "\(words)")
          #expect(found.line.utf8.count <= 400 && !found.line.contains("\n"), "\(words)")
          #expect(found.path?.hasPrefix(folder) == true, "\(words)")
        }
      }
      #expect(refused > 40)
    }
  }
}
