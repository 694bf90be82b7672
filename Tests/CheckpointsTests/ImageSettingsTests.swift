import Checkpoints
import Faults
import Foundation
import TestSupport
import Testing

/// Which vision transformers are read, what is done with bytes of images, and what is refused.
@Suite struct ImageSettingsTests {
  private func model(_ name: String) throws -> BaseCheckpoint {
    try BaseCheckpoint.open(Checkout.path("golden/models/\(name)"))
  }

  @Test func imagesAndHeadsAreThoseOfTheFiles() throws {
    let vit = try model("vit").configuration
    #expect(vit.classHead?.count == 3 && vit.classModules == ["classifier"])
    #expect(vit.imageShape?.patchCount == 9 && vit.contextLength == 10 && vit.vocabularySize == 0)
    let pixels = try model("vit-pixels").configuration
    #expect(pixels.imageShape?.height == 8 && pixels.imageShape?.width == 12)
    #expect(pixels.imageShape?.channels == 1 && !pixels.biases.contains(.query))
    let bare = try model("vit-bare")
    #expect(bare.configuration.classHead == nil && !bare.configuration.answers)
    #expect(bare.checkpoint.warnings.count { $0.kind == "CK-HEAD" } == 2)
    #expect(bare.linearModules.map(\.name) == (try model("vit")).linearModules.map(\.name))
  }

  @Test(
    arguments: [
      ("image_size", 16, "CK-SHAPE"), ("image_size", [12, 12, 12], "CFG"),
      ("image_size", 13, "CFG"), ("patch_size", 0, "CFG"), ("patch_size", 24, "CFG"),
      ("num_channels", 1, "CK-SHAPE"), ("hidden_act", "quick_gelu", "CFG-UNSUPPORTED"),
      ("use_mean_pooling", true, "CFG-UNSUPPORTED"),
      ("problem_type", "regression", "CFG-UNSUPPORTED"),
      ("architectures", ["ViTForMaskedImageModeling"], "CFG-UNSUPPORTED"),
    ] as [(String, any Sendable, String)])
  func otherModelsAreRefused(key: String, value: any Sendable, code: String) throws {
    let found = try withModelCopy("vit", [key: value]) { path in
      fault { () throws(Fault) in try BaseCheckpoint.open(path) }
    }
    #expect(found?.code == code, "\(key) \(String(describing: found))")
  }

  @Test(
    arguments: [
      ["image_std": [1e-300, 1, 1]], ["image_mean": [1e300, 0, 0]], ["rescale_factor": 1e308],
      ["rescale_factor": -1], ["do_normalize": false, "rescale_factor": 1e38],
    ] as [[String: any Sendable]])
  func numbersThatAreNotFiniteAreRefused(changes: [String: any Sendable]) throws {
    guard case .failure(let fault) = try processing(changes) else {
      Issue.record("read: \(changes)")
      return
    }
    #expect(fault.code == "CFG" && fault.exitCode == 65, "\(fault.line)")
  }

  // MARK: - What is done with bytes

  /// The processing that `changes` of the golden file leave, or why there is none.
  private func processing(_ changes: [String: Any]) throws -> Result<ImageProcessing, Fault> {
    try withModelCopy("vit") { path in
      let url = URL(fileURLWithPath: path + "/preprocessor_config.json")
      let parsed = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
      let all = try #require(parsed as? [String: Any]).merging(changes) { $1 }
      try JSONSerialization.data(withJSONObject: all).write(to: url)
      let base = try BaseCheckpoint.open(path)
      let shape = try #require(base.configuration.imageShape)
      do throws(Fault) {
        return .success(try base.imageProcessing(shape))
      } catch {
        return .failure(error)
      }
    }
  }

  @Test func bytesBecomeNumbersAsTheFileSays() throws {
    let plain = try processing([:]).get()
    #expect(plain.factor == 1.0 / 255 && plain.mean == [0.5, 0.4, 0.45])
    #expect(plain.deviation == [0.5, 0.25, 0.3])
    let other = try processing([
      "do_normalize": false, "do_rescale": false, "size": 12, "do_center_crop": false,
      "crop_size": ["height": 8, "width": 8], "resample": 3, "do_convert_rgb": NSNull(),
    ]).get()
    #expect(other.factor == 1 && other.mean == [0, 0, 0] && other.deviation == [1, 1, 1])
    // Where nothing is resized, no size matters.
    #expect(throws: Never.self) {
      try processing(["do_resize": false, "size": ["height": 224, "width": 224]]).get()
    }
  }

  @Test(
    arguments: [
      ("size", ["height": 24, "width": 12], .unsupported),
      ("size", ["shortest_edge": 12], .badData), ("do_center_crop", true, .unsupported),
      ("do_color_jitter", true, .unsupported), ("crop_pct", 0.9, .unsupported),
      ("image_mean", [0.5], .badData), ("image_std", [0.5, 0, 0.5], .badData),
      ("rescale_factor", "1/255", .badData), ("do_rescale", 1, .badData),
    ] as [(String, any Sendable, Fault.Kind)])
  func otherProcessingIsRefused(key: String, value: any Sendable, kind: Fault.Kind) throws {
    guard case .failure(let found) = try processing([key: value]) else {
      Issue.record("\(key) was taken")
      return
    }
    #expect(found.kind == kind && found.code.hasPrefix("CFG"), "\(key) \(found)")
  }

  @Test func bytesNeedTheFile() throws {
    let base = try model("vit-pixels")
    let shape = try #require(base.configuration.imageShape)
    let found = fault { () throws(Fault) in try base.imageProcessing(shape) }
    #expect(
      found?.kind == .missingInput && found?.reason.contains("preprocessor_config.json") == true)
  }
}
