import Bases
import Files
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Reports
import TestSupport
import Testing
import Training

/// Texts that the model writes for its own calibration (`formats/data.md` §5).
@Suite struct OwnTextsTests {
  /// A conversion calibrated on texts of the model's own, and the file of texts.
  private func texts(
    _ tiny: TinyJob, seed: UInt64 = 0, count: Int = 6
  ) throws -> (text: String, settings: [String]) {
    let (record, _) = try tiny.run(.rank(2)) {
      $0.calibration = .own(limit: nil)
      $0.method = .kfac
      $0.seed = seed
      $0.ownTexts.options.count = count
      $0.ownTexts.options.length = 4
    }
    let bytes = try InputFile(tiny.output + ".self.jsonl").readAll(limit: 1 << 20)
    return (
      String(decoding: bytes, as: UTF8.self),
      record.settings.filter { $0.name.contains("by the LoRA model itself") }.map(\.value)
    )
  }

  @Test func textsAreKeptForTheSameJobAndWrittenAnewForAnother() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let first = try texts(tiny)
      #expect(first.text.split(separator: "\n").count == 6)
      // The record names the file that was used.
      #expect(first.settings.count == 1 && first.settings[0].hasPrefix("6, SHA-256 "))
      let written = try InputFile(tiny.output + ".self.jsonl")
      #expect(try texts(tiny) == first)
      // Not even written again.
      try written.checkUnchanged()
      #expect(try texts(tiny, seed: 1).text != first.text)
      #expect(try texts(tiny, seed: 1, count: 4).text.split(separator: "\n").count == 4)
      #expect(try texts(tiny) == first)
    }
  }
}
