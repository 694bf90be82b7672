import Artifacts
import Bases
import Faults
import Files
import Foundation
import JSON
import Pipeline
import PipelineSupport
import Progress
import Projection
import Recipes
import Reports
import Sessions
import TestSupport
import Testing
import Training

/// Controls on the tiny model: as many bytes as the result, tuned alike, and none of their files left.
@Suite struct ControlsTests {
  private func record(
    budget: Int, storage: LatentStorage, steps: Int, form: JobRequest.Form, in folder: String
  ) throws -> JobRecord {
    let base = Paths.join(folder, "base.gguf")
    try AtomicFile.write(base, bytes: try TinyRows.base())
    let rows = (0..<40).map { index in
      "{\"prompt\": \"\(["CD", "EF", "GH"][index % 3])\", \"choices\": [\"C\", \"D\"], \"answer\": \(index % 2)}\n"
    }.joined()
    let data = Paths.join(folder, "rows.jsonl")
    try AtomicFile.write(data, text: rows)
    let session = try BaseSession(
      path: base, cacheDirectory: Paths.join(folder, "cache"), threads: 2,
      log: ProgressLog(style: .none))
    var request = JobRequest(
      name: "a", basePath: base, adapterPath: Checkout.path("golden/tiny/adapter"),
      target: .budget(bytes: budget), method: .projected,
      outputPath: Paths.join(folder, "a.loraxs"))
    request.form = form
    request.storage = storage
    request.evaluation = JobRequest.Data(path: data, limit: 12, skip: 20)
    request.controls = JobRequest.Control.allCases
    if steps > 0 {
      var tuning = JobRequest.Tuning(data: .file(JobRequest.Data(path: data, limit: 20)))
      tuning.validation = .fraction(0.2)
      tuning.options.steps = steps
      tuning.options.batchSize = 4
      tuning.options.quantizedSteps = storage.quantizedSteps(of: steps)
      request.tuning = tuning
    }
    return try JobRunner(session: session, request: request).run()
  }

  @Test(arguments: [
    (JobRequest.Form.directions, LatentStorage.int3, 4),
    (JobRequest.Form.pairs, LatentStorage.int3, 4),
  ])
  func controlsHaveTheBytesOfTheResult(
    form: JobRequest.Form, storage: LatentStorage, steps: Int
  ) throws {
    try withTemporaryDirectory { folder in
      let record = try record(
        budget: 7000, storage: storage, steps: steps, form: form, in: folder)
      let evaluation = try #require(record.evaluation)
      #expect(evaluation.data.n == 12 && evaluation.data.skipped == 20)
      let controls = evaluation.variants.filter { $0.kind == .control }
      // Top, zero, random and the other form; the cut LoRA and the sparse one, both also distilled; LoRA and VeRA in three
      // widths of codes.
      #expect(controls.count == 14)
      let own = try #require(evaluation.first(.stored)?.bytes)
      for control in controls {
        let bytes = try #require(control.bytes)
        // Figures of a dozen rows are shorter than what room is kept for.
        #expect(bytes <= 7000 && own <= 7000, "\(control.name)")
      }
      #expect(controls.count { $0.name.contains("distilled") } == 2)
      // Checkpoints of controls go as the job's own does.
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(!left.contains { $0.contains("tuning") }, "\(left)")
    }
  }

  /// Each control alone: its variants, none of them the result itself, and measured as it is.
  @Test(arguments: [
    (JobRequest.Control.top, ["top directions"]), (.zero, ["zero start"]),
    (.random, ["random bases"]), (.forms, ["form pairs"]),
    (.truncated, ["LoRA cut by SVD", "LoRA cut by SVD"]),
    (.ternary, ["LoRA as sparse", "LoRA as sparse"]),
    (.lora, [String](repeating: "LoRA of rank", count: 3)),
    (.vera, [String](repeating: "VeRA of rank", count: 3)),
  ])
  func everyControlHasItsVariants(control: JobRequest.Control, names: [String]) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let record = try tiny.run(.budget(bytes: 6000)) {
        $0.form = .directions
        tiny.tune(&$0)
        $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 12, skip: 150)
        $0.controls = [control]
      }.record
      let evaluation = try #require(record.evaluation)
      let controls = evaluation.variants.filter { $0.kind == .control }
      #expect(controls.count == names.count)
      let stored = try #require(evaluation.first(.stored))
      for (variant, name) in zip(controls, names) {
        #expect(variant.name.hasPrefix(name))
        #expect(variant.nll.isFinite && variant.nll != stored.nll)
        #expect(try #require(variant.bytes) <= 6000 && variant.klToTeacher ?? 0 > 0)
      }
      // Each is compared with the result, and the file of the result has none of it.
      let place = try #require(evaluation.variants.firstIndex { $0.kind == .stored })
      for index in evaluation.variants.indices where evaluation.variants[index].kind == .control {
        #expect(evaluation.pairs.contains { $0.a == index && $0.b == place })
      }
      let text = try Artifact.read(tiny.output).metadata.accuracy.text()
      #expect(!text.contains("\"control\"") && text.contains("\"artifact\""))
    }
  }
}
