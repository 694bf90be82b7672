import Adapters
import Artifacts
import Bases
import Checkpoints
import Exports
import Faults
import Files
import JSON
import Pipeline
import PipelineSupport
import Progress
import Recipes
import Reports
import Sessions
import TestSupport
import Testing

/// An artifact as other programs read it: the same change of the same weights.
@Suite struct ExporterTests {
  private func exporter(
    _ tiny: TinyJob, _ target: ExportTarget, _ type: ExportType? = nil
  ) throws -> Exporter {
    Exporter(session: tiny.session, options: try ExportOptions(target: target, type: type))
  }

  /// Every weight of `base` with the updates of `adapter`.
  private func weights(
    _ base: BaseCheckpoint, _ adapter: String?
  ) throws -> [String: [Float]] {
    let updates =
      try adapter.map { try Adapter.open($0).matched(to: base.configuration).updates } ?? []
    var result: [String: [Float]] = [:]
    for module in base.linearModules {
      var values = try base.checkpoint.floats(module.weightName)
      for update in updates where update.moduleName == module.name {
        AdapterPart(
          module: module.name, leaf: "weight", shape: [module.outFeatures, module.inFeatures],
          change: .product(update)
        ).apply(to: &values)
      }
      result[module.name] = values
    }
    return result
  }

  /// All of the tiny adapter's change, in its own directions and in Float32.
  private func withWhole(_ body: (TinyJob) throws -> Void) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.own) {
        $0.directions = .own
        $0.storage = .f32
      }
      try body(tiny)
    }
  }

  private func expectSame(
    _ found: [String: [Float]], _ wanted: [String: [Float]], within bound: Double
  ) {
    #expect(Set(found.keys) == Set(wanted.keys))
    for (name, values) in wanted {
      #expect(relativeError(found[name] ?? [], values) < bound, "\(name)")
    }
  }

  /// What comes back is the adapter.
  @Test(arguments: [ExportTarget.peft, .ggufLoRA, .mlx, .kohya])
  func adaptersComeBack(target: ExportTarget) throws {
    try withWhole { tiny in
      let place = ExportPlace(
        output: "\(tiny.folder)/out", target: target, artifact: tiny.output)
      let files = try exporter(tiny, target).export(tiny.output, to: place)
      #expect(!files.isEmpty && files.allSatisfy { Paths.kind(of: $0) == .file })
      let base = tiny.session.base
      let path = place.file ?? place.directory
      let wanted = try weights(base, Checkout.path("golden/tiny/adapter"))
      expectSame(try weights(base, path), wanted, within: 2e-6)
      // Something was changed at all.
      let plain = try weights(base, nil)
      #expect(wanted.contains { relativeError($0.value, plain[$0.key] ?? []) > 1e-3 })
    }
  }

  /// The reference code has directions of the base: chosen ones are that, the adapter's own are not.
  @Test func theReferenceHasDirectionsOfTheBase() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let place = ExportPlace(output: "\(folder)/out", target: .loraXS, artifact: tiny.output)
      _ = try tiny.run(.own) { $0.directions = .own }
      let fault = try #require(throws: Fault.self) {
        try exporter(tiny, .loraXS).export(tiny.output, to: place)
      }
      #expect(fault.code == "AD-EXPORT" && fault.tensor != nil)
      Paths.removeIfPresent(tiny.output)
      _ = try tiny.run(.rank(4)) { $0.storage = .f32 }
      try exporter(tiny, .loraXS).export(tiny.output, to: place)
      let plain = ExportPlace(output: "\(folder)/plain", target: .peft, artifact: tiny.output)
      try exporter(tiny, .peft).export(tiny.output, to: plain)
      let base = tiny.session.base
      expectSame(
        try weights(base, "\(place.directory)/ft"), try weights(base, plain.directory), within: 2e-6
      )
    }
  }

  @Test(arguments: [(ExportTarget.merged, ExportType.f32), (.mergedGGUF, .f32)])
  func mergedWeightsHaveTheChange(target: ExportTarget, type: ExportType) throws {
    try withWhole { tiny in
      let place = ExportPlace(
        output: "\(tiny.folder)/out", target: target, artifact: tiny.output)
      let files = try exporter(tiny, target, type).export(tiny.output, to: place)
      let merged = try BaseCheckpoint.open(place.file ?? place.directory)
      let wanted = try weights(tiny.session.base, Checkout.path("golden/tiny/adapter"))
      expectSame(try weights(merged, nil), wanted, within: 1e-6)
      #expect(files.contains(place.file ?? Paths.join(place.directory, "config.json")))
    }
  }

  /// Halves cost what halves cost, and are near.
  @Test func smallerTypesAreSmaller() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.rank(4))
      var sizes: [ExportType: Int] = [:]
      for type in [ExportType.f32, .f16, .bf16] {
        let place = ExportPlace(
          output: "\(folder)/\(type.rawValue)", target: .peft, artifact: tiny.output)
        try exporter(tiny, .peft, type).export(tiny.output, to: place)
        sizes[type] =
          try InputFile("\(place.directory)/adapter_model.safetensors").byteCount
      }
      let (whole, half) = (try #require(sizes[.f32]), try #require(sizes[.f16]))
      #expect(half < whole * 2 / 3)
      // Names of types are not of one length.
      #expect(abs(try #require(sizes[.bf16]) - half) < 64)
      let found = try weights(tiny.session.base, "\(folder)/f16")
      expectSame(found, try weights(tiny.session.base, "\(folder)/f32"), within: 1e-3)
    }
  }

  @Test func optionsOfOtherTargetsAreRefused() throws {
    for target in ExportTarget.allCases {
      if target != .merged {
        let fault = try #require(throws: Fault.self) {
          _ = try ExportOptions(target: target, shardBytes: 1000)
        }
        #expect(fault.exitCode == 64 && fault.reason.contains("--shard-size"))
      }
      if target != .mergedGGUF {
        let fault = try #require(throws: Fault.self) {
          _ = try ExportOptions(target: target, type: .q8_0)
        }
        #expect(fault.exitCode == 64 && fault.reason.contains("q8_0"))
      }
    }
    #expect(try ExportOptions(target: .mergedGGUF).type == .f16)
    #expect(try ExportOptions(target: .merged).shardBytes == ExportOptions.defaultShardBytes)
  }

  // MARK: - Runs

  /// A run of a done, a kept and a failed job, and of an artifact that is not its record's.
  private func makeRun(_ tiny: TinyJob) throws -> String {
    let run = Paths.join(tiny.folder, "run")
    var (record, bytes) = try tiny.run(.rank(4))
    for name in ["done", "kept", "failed", "other"] {
      let job = "\(run)/jobs/\(name)"
      try Paths.makeDirectory(job)
      record.name = name
      switch name {
      case "kept": record.state = .kept
      case "failed": record.state = .failed
      default:
        record.state = .done
        _ = try AtomicFile.write("\(job)/\(name).loraxs", bytes: bytes)
      }
      if name == "other" { record.artifactSHA256 = String(repeating: "0", count: 64) }
      _ = try AtomicFile.write("\(job)/record.json", text: record.json.text(pretty: true))
    }
    return run
  }

  @Test func aRunIsExportedJobByJob() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let run = try makeRun(tiny)
      let exporter = RunExporter(
        options: try ExportOptions(target: .peft), basePath: tiny.session.base.path,
        log: ProgressLog(style: .none)
      ) { _ in tiny.session }
      let results = try exporter.export(run: run, to: "\(folder)/out", force: false)
      let states = Dictionary(results.map { ($0.name, $0.state) }) { first, _ in first }
      // A failed job has nothing to export; the damaged one stops nobody.
      #expect(states == ["done": "done", "kept": "kept", "other": "failed"])
      #expect(results.first { $0.name == "other" }?.fault?.code == "RUN-ARTIFACT")
      #expect(Paths.kind(of: "\(folder)/out/done/adapter_config.json") == .file)
      #expect(Paths.kind(of: "\(folder)/out/other") == .missing)
      let document = RunExporter.json(
        results, run: run, directory: "\(folder)/out", target: .peft)
      let fields = JSONField(document, code: "TEST")
      for (state, count) in [("done", 1), ("kept", 1), ("failed", 1), ("listed", 3)] {
        #expect(try fields[state].int(in: 0...9) == count, "\(state)")
      }
      // What is there is not written over.
      let fault = try #require(throws: Fault.self) {
        _ = try exporter.export(run: run, to: "\(folder)/out", force: false)
      }
      #expect(fault.code == "OUT-EXISTS")
    }
  }

  @Test func whatIsNoRunSaysSo() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let exporter = RunExporter(
        options: try ExportOptions(target: .peft), basePath: nil, log: ProgressLog(style: .none)
      ) { _ in tiny.session }
      try Paths.makeDirectory("\(folder)/empty/jobs")
      for path in ["\(folder)/cache", "\(folder)/empty"] {
        let fault = try #require(throws: Fault.self) {
          _ = try exporter.export(run: path, to: "\(folder)/out", force: false)
        }
        #expect(fault.code == "RUN-EMPTY" && fault.exitCode == 66)
      }
      #expect(RunExporter.isRun(folder) && !RunExporter.isRun(tiny.session.base.path))
    }
  }
}
