import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import JSON
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import TestSupport
import Testing
import Training

/// What of a job's numbers is in its file.
@Suite struct StoringTests {
  /// The latents of the tiny adapter in a storage, one after the other.
  private func latents(
    _ tiny: TinyJob, _ storage: LatentStorage, _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> (values: [Float], artifact: Artifact, record: JobRecord) {
    let record = try tiny.run(.rank(4)) {
      $0.storage = storage
      change(&$0)
    }.record
    let artifact = try Artifact.read(tiny.output)
    return (artifact.modules.flatMap(\.latent.elements), artifact, record)
  }

  /// Every storage keeps what its bits can hold: each is coarser than the one before it.
  @Test func errorsGrowAsBitsGo() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let whole = try latents(tiny, .f32).values
      var last = 0.0
      for storage in [LatentStorage.f16, .bf16, .int8, .int4, .int3, .int2] {
        let (values, artifact, _) = try latents(tiny, storage)
        let error = relativeError(values, whole)
        #expect(error > last && error < 0.75, "\(storage): \(error)")
        #expect(artifact.metadata.storage == storage)
        last = error
      }
    }
  }

  /// The parts of a file and its modules, by name and bytes.
  @Test(arguments: [LatentStorage.f16, .int8, .int3])
  func theRecordSaysWhatTakesTheBytes(storage: LatentStorage) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (values, artifact, record) = try latents(tiny, storage)
      let sizes = try #require(record.sizes)
      #expect(sizes.artifact == (try InputFile(tiny.output).byteCount))
      #expect(Set(sizes.parts.map(\.name)).isSuperset(of: ["latents", "header", "module_digests"]))
      // Alone the parts compress no better than together.
      #expect(sizes.parts.reduce(0) { $0 + $1.bytes } >= sizes.artifact - 64)
      #expect(record.modules.map(\.name) == artifact.modules.map(\.moduleName))
      let bytes = record.modules.reduce(0) { $0 + $1.bytes }
      let scales = storage.isQuantised ? artifact.modules.reduce(0) { $0 + $1.latent.columns } : 0
      let bits = [LatentStorage.f16: 16, .int8: 8, .int3: 4][storage] ?? 0
      #expect(bytes == values.count * bits / 8 + scales)
    }
  }

  /// A file tells neither where it was made nor how long that took, and keeps six digits of a figure.
  @Test func figuresInAFileAreItsOwn() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (_, artifact, record) = try latents(tiny, .int8) {
        $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 10, skip: 150)
      }
      let text = artifact.metadata.accuracy.text()
      #expect(!text.contains(folder) && text.contains("\"rows.jsonl\""))
      let block = JSONField(artifact.metadata.accuracy, code: "TEST")
      let variants = try block["variants"].array()
      let own = try #require(record.evaluation)
      #expect(variants.count == own.variants.count)
      #expect(try block["pairs"].array().isEmpty)
      for (written, known) in zip(variants, own.variants) {
        #expect(!written["seconds"].isPresent)
        let nll = try written["nll"].double()
        #expect(abs(nll / known.nll - 1) < 1e-5 && "\(nll)".count <= 8)
      }
    }
  }

  /// What there is no room for is left to the record, and a limit is never passed for figures.
  @Test func figuresGiveWayToALimit() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context {
        $0.storage = .int3
        tiny.calibrate(&$0)
        tiny.tune(&$0)
        $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 10, skip: 150)
      }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let rows = try job.run(RowsStage())
      let size = JobSize.all(of: .rank(4), rank: 4)[0]
      let start = try job.run(StartStage(), (size, projector, rows))[0]
      let tuned = try job.run(TuningStage(), (start, size, rows))
      let stored = try job.run(StorageStage(), (tuned, nil))
      let bare = try stored.artifact.encodedByteCount()
      let measured = try job.run(MeasurementStage(), (stored, rows))
      var (artifact, evaluation) = (measured.artifact, measured.evaluation)
      var kinds: [Int] = []
      for limit in bare...(try artifact.encodedByteCount()) {
        let isThere = try artifact.setAccuracy(&evaluation, within: limit)
        let found = try artifact.encodedByteCount()
        #expect(found <= limit)
        #expect(evaluation?.first(.stored)?.bytes == found)
        let block = JSONField(artifact.artifact.metadata.accuracy, code: "TEST")
        let count = isThere ? try block["variants"].array().count : 0
        if count != kinds.last { kinds.append(count) }
      }
      // Nothing; base, LoRA and artifact; the start too; what was tuned too.
      #expect(kinds == [0, 3, 4, 5])
      #expect(evaluation?.variants.count == 5)
    }
  }

  /// What an adapter changes beside linear modules is in the file, exactly or in the type that was asked for.
  @Test(arguments: [CarriedStorage?.none, .f16, .int8])
  func otherParametersAreCarried(storage: CarriedStorage?) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let path = Checkout.path("golden/adapters_variants/saved")
      func carried(_ storage: CarriedStorage?) throws -> [CarriedParameter] {
        let job = try latents(tiny, .int8) {
          $0.adapterPath = path
          $0.carriedStorage = storage
        }
        return job.artifact.carried
      }
      let exact = try carried(nil)
      let found = try carried(storage)
      #expect(!exact.isEmpty && found.map(\.parameter) == exact.map(\.parameter))
      let bounds: [CarriedStorage: Double] = [.f16: 1e-3, .int8: 2e-2]
      let bound = storage.flatMap { bounds[$0] } ?? 0
      let bytes = { (all: [CarriedParameter]) in all.reduce(0) { $0 + $1.byteCount } }
      #expect(storage == nil ? bytes(found) == bytes(exact) : bytes(found) < bytes(exact))
      for (parameter, other) in zip(found, exact) {
        let (mine, whole) = (parameter.values.matrix.elements, other.values.matrix.elements)
        #expect(relativeError(mine, whole) <= bound, "\(parameter.parameter)")
      }
      _ = try ArtifactLoader(session: tiny.session).load(tiny.output)
    }
  }

  /// The bytes are a function of the job, not of threads or of what lies in the cache.
  @Test(arguments: [JobRequest.Directions.selected, .top, .own])
  func theSameJobIsTheSameFile(directions: JobRequest.Directions) throws {
    try withTemporaryDirectory { folder in
      var files: [[UInt8]] = []
      for threads in [1, 3, 1] {
        let tiny = try TinyJob(in: folder, threads: threads)
        files.append(
          try tiny.run(directions == .own ? .own : .rank(3)) { $0.directions = directions }.bytes)
      }
      #expect(files[0] == files[1] && files[1] == files[2])
    }
  }
}

/// An adapter on a base: every update has its module.
@Suite struct MatchedAdapterTests {
  @Test func modulesAreInTheModelsOrder() throws {
    try withTemporaryDirectory { folder in
      let base = try TinyJob(in: folder).session.base
      let adapter = try Adapter.open(Checkout.path("golden/tiny/adapter"))
      let matched = try MatchedAdapter(adapter, base: base)
      let names = base.linearModules.map(\.name)
      let places = try matched.modules.map { try #require(names.firstIndex(of: $0.name)) }
      #expect(places == places.sorted() && matched.parts.isEmpty)
      #expect(matched.modules.map(\.name) == matched.updates.map(\.moduleName))
      for (module, update) in zip(matched.modules, matched.updates) {
        #expect(update.outFeatures == module.outFeatures && update.inFeatures == module.inFeatures)
        #expect(update.rank <= min(module.outFeatures, module.inFeatures))
      }
    }
  }

  /// A base that lacks what the adapter changes is named with the module.
  @Test func anotherBaseIsRefused() throws {
    try withTemporaryDirectory { folder in
      let base = try TinyJob(in: folder).session.base
      let adapter = try Adapter.open(Checkout.path("golden/adapters/clinc-pairs-r8"))
      let fault = try #require(throws: Fault.self) { _ = try MatchedAdapter(adapter, base: base) }
      #expect(fault.kind == .badData && fault.tensor?.contains("layers.") == true, "\(fault)")
    }
  }
}
