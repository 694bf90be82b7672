import Checkpoints
import Faults
import Files
import Foundation
import TestSupport
import Testing

/// Scales of eight-bit weights that say nothing of their blocks, and configurations that say it wrongly (`formats/hf.md` §4).
@Suite struct EightBitRefusalTests {
  /// What reading a weight of two rows and two scales a row is refused with.
  private func refusal(configuration: String?) throws -> Fault? {
    typealias B = SafeTensorsBytes
    let codes = B.entry("x.weight", dtype: "\"F8_E4M3\"", shape: "[2,2]", offsets: "[0,4]")
    let scales = B.entry("x.weight_scale", shape: "[2,2]", offsets: "[4,20]")
    let bytes = B.file("{\(codes),\(scales)}", data: [UInt8](repeating: 0, count: 20))
    return try withTemporaryDirectory { folder in
      let path = folder + "/model.safetensors"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      if let configuration {
        try AtomicFile.write(folder + "/config.json", text: configuration)
      }
      let checkpoint = try Checkpoint.open(path)
      let found = fault { _ = try checkpoint.floats("x.weight") }
      #expect(found?.exitCode == 65 && found?.path?.hasPrefix(folder) == true)
      return found
    }
  }

  @Test func scalesNeedABlock() throws {
    let found = try refusal(configuration: nil)
    #expect(found?.code == "HF-SCALE" && found?.tensor == "x.weight", "\(found?.line ?? "read")")
    #expect(found?.reason.contains("scales [2, 2]") == true)
  }

  @Test(arguments: ["[0,1]", "[1]", "[1,1,1]", "[1,\"a\"]", "1", "\"a\"", "[1,2000000]"])
  func blocksAreTwoNumbers(_ block: String) throws {
    let found = try refusal(
      configuration: "{\"quantization_config\":{\"weight_block_size\":\(block)}}")
    #expect(found?.code == "CFG", "\(found?.line ?? "read")")
    #expect(found?.reason.contains("quantization_config.weight_block_size") == true)
  }
}
