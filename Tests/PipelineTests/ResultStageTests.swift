import Adapters
import Artifacts
import Bases
import Faults
import Files
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

/// From a start to a file: tuning, rounding, judging, measuring, writing.
@Suite struct ResultStageTests {
  /// A job up to its tuned result, of the first size.
  private func withTuned(
    _ target: Recipe.Target, _ change: (TinyJob, inout JobRequest) -> Void = { _, _ in },
    _ body: (JobContext, TunedAdapter, JobSize, JobRows?) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context(target) { change(tiny, &$0) }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let rows = try job.run(RowsStage())
      let size = try #require(JobSize.all(of: target, rank: job.source.rank).last)
      let start = try #require(try job.run(StartStage(), (size, projector, rows)).first)
      try body(job, try job.run(TuningStage(), (start, size, rows)), size, rows)
    }
  }

  // MARK: - Data

  @Test func withoutDataThereAreNoMomentsAndNoRows() throws {
    try withTemporaryDirectory { folder in
      let job = try TinyJob(in: folder).context()
      #expect(try job.run(CalibrationStage()) == nil)
      #expect(try job.run(RowsStage()) == nil)
      #expect(try job.run(GateStage(), nil) == nil)
    }
  }

  /// Rows that train, choose and judge are told apart, by share and by file.
  @Test func rowsAreDivided() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      func rows(
        _ target: Recipe.Target, _ change: (inout JobRequest) -> Void = { _ in }
      ) throws -> JobRows {
        let job = try tiny.context(target) {
          tiny.tune(&$0)
          change(&$0)
        }
        return try #require(try job.run(RowsStage()))
      }
      let plain = try rows(.rank(4))
      #expect(plain.tuning.training.count == 96 && plain.tuning.validation.count == 24)
      #expect(plain.gate.isEmpty)
      let gated = try rows(.minRetained(0.5, startingRank: 4))
      #expect(gated.tuning.training.count == 64 && gated.gate.count == 32)
      let file = try rows(.rank(4)) {
        $0.tuning?.validation = .file(JobRequest.Data(path: tiny.rows, limit: 30, skip: 120))
      }
      #expect(file.tuning.training.count == 120 && file.tuning.validation.count == 30)
    }
  }

  // MARK: - Tuning and storage

  /// What nothing tunes is rounded with care where rounding costs something, and is not touched where it costs nothing.
  @Test(arguments: [LatentStorage.int8, .int3])
  func whatIsNotTunedIsRounded(storage: LatentStorage) throws {
    try withTuned(
      .rank(4),
      {
        $0.calibrate(&$1)
        $1.storage = storage
      }
    ) { _, tuned, _, _ in
      #expect(tuned.tuning == nil)
      #expect((tuned.latents == tuned.start.projected.latents) == (storage == .int8))
    }
  }

  @Test func tuningKeepsACheckpointUntilTheFileIsThere() throws {
    try withTuned(.rank(4), { $0.tune(&$1, steps: 6) }) { job, tuned, size, rows in
      #expect(tuned.tuning?.steps == 6 && tuned.latents != tuned.start.projected.latents)
      let checkpoint = job.request.outputPath + ".tuning"
      #expect(Paths.kind(of: checkpoint) == .file)
      // The same stage again ends where the checkpoint did, without a step.
      let again = try job.run(TuningStage(), (tuned.start, size, rows))
      #expect(again.latents == tuned.latents && again.planDigest == tuned.planDigest)
      let stored = try job.run(StorageStage(), (tuned, size.bytes))
      _ = try job.run(WritingStage(), stored.artifact)
      #expect(Paths.kind(of: checkpoint) == .missing)
      #expect(Paths.kind(of: job.request.outputPath) == .file)
    }
  }

  /// Pairs that a budget chose train; those that an option asks for train where another option says so.
  @Test func pairsThatTheJobChoseAreTrained() throws {
    try withTuned(
      .budget(bytes: 6000),
      {
        $1.form = .pairs
        $0.tune(&$1)
      }
    ) { _, tuned, _, _ in
      #expect(tuned.tuning?.settings.contains(Setting("residual", "vectors trained")) == true)
    }
    try withTuned(
      .rank(4),
      {
        $1.residual = JobRequest.Residual(size: .pairs(2))
        $0.tune(&$1)
      }
    ) { _, tuned, _, _ in
      #expect(tuned.tuning?.settings.contains(Setting("residual", "latents only")) == true)
      #expect(tuned.projected.residuals == tuned.start.projected.residuals)
    }
  }

  /// An artifact that is a little too large gets coarser scales, module by module; one without a size none.
  @Test func storageMakesItFit() throws {
    try withTuned(.budget(bytes: 4600), { $1.form = .directions }) { job, tuned, _, _ in
      let free = try job.run(StorageStage(), (tuned, nil)).artifact
      let whole = try free.encodedByteCount()
      let tight = try job.run(StorageStage(), (tuned, whole - 60)).artifact
      #expect(try tight.encodedByteCount() <= whole - 60)
      #expect(tight.coarsening.level > 0 && free.coarsening.level == 0)
    }
  }

  @Test func whatIsTooLargeIsNotWritten() throws {
    try withTuned(.rank(4)) { job, tuned, _, _ in
      let stored = try job.run(StorageStage(), (tuned, nil))
      var request = job.request
      request.target = .budget(bytes: 1000)
      let small = try JobContext(session: job.session, request: request)
      let fault = try #require(throws: Fault.self) {
        try small.run(WritingStage(), stored.artifact)
      }
      #expect(fault.code == "JOB-BUDGET" && fault.exitCode == 65)
      #expect(Paths.kind(of: request.outputPath) == .missing)
    }
  }

  // MARK: - Judging and measuring

  /// Each size is judged once more on the same rows, and the nearest is remembered.
  @Test func judgingCountsSizes() throws {
    try withTuned(
      .minRetained(0.5, startingRank: 4),
      {
        TinyRows.selfWritten(&$1, in: $0.folder)
        $1.residual = JobRequest.Residual(size: .pairs(4))
      }
    ) { job, tuned, size, rows in
      let gate = try #require(try job.run(GateStage(), rows))
      let stored = try job.run(StorageStage(), (tuned, size.bytes))
      let first = try job.run(gate, (stored.artifact, size, nil))
      #expect(first.rows == rows?.gate.count && first.tried == 1 && first.size == size.name)
      let second = try job.run(gate, (stored.artifact, size, first))
      #expect(second.tried == 2 && second.interval95 == first.interval95)
      var nearer = first
      nearer.interval95 = first.interval95.lowerBound - 1...first.interval95.upperBound
      #expect(nearer.nearer(than: first).interval95 == first.interval95)
      #expect(first.nearer(than: nearer).interval95 == first.interval95)
      #expect(first.nearer(than: nil) == first)
    }
  }

  /// Figures are those of the bytes that are written, and name their size.
  @Test func whatIsMeasuredIsTheFile() throws {
    try withTuned(
      .rank(4),
      {
        $0.tune(&$1)
        $1.evaluation = JobRequest.Data(path: $0.rows, limit: 20, skip: 150)
      }
    ) { job, tuned, size, rows in
      let stored = try job.run(StorageStage(), (tuned, size.bytes))
      let measured = try job.run(MeasurementStage(), (stored, rows))
      let evaluation = try #require(measured.evaluation)
      #expect(evaluation.variants.map(\.kind) == [.base, .lora, .start, .tuned, .stored])
      #expect(evaluation.data.n == 20 && evaluation.data.skipped == 150)
      let bytes = try measured.artifact.encodedByteCount()
      #expect(evaluation.first(.stored)?.bytes == bytes)
      let file = try job.run(WritingStage(), measured.artifact)
      let record = try job.run(RecordStage(), (measured, file, nil, nil))
      #expect(record.sizes?.artifact == bytes && record.tuning?.steps == 4)
      #expect(record.settings.contains(Setting("form chosen by", "the options")))
      #expect(record.modules.count == 14)
    }
  }

  /// Controls and comparisons are in the record alone; figures that take more room than was kept for them push those of the
  /// latents before they were stored out of the file.
  @Test func tunedFiguresMakeRoomForABudget() throws {
    try withTuned(
      .rank(4),
      {
        $0.tune(&$1)
        $1.evaluation = JobRequest.Data(path: $0.rows, limit: 20, skip: 150)
        $1.controls = [.top]
      }
    ) { job, tuned, _, rows in
      let stored = try job.run(StorageStage(), (tuned, nil))
      /// The kinds of variants and the number of comparisons in the file, and its size.
      func block(within bytes: Int?) throws -> (kinds: [String], pairs: Int, size: Int) {
        var request = job.request
        if let bytes { request.target = .budget(bytes: bytes) }
        let small = try JobContext(session: job.session, request: request)
        let measured = try small.run(MeasurementStage(), (stored, rows))
        #expect(measured.evaluation?.variants.contains { $0.kind == .control } == true)
        let accuracy = JSONField(measured.artifact.artifact.metadata.accuracy, code: "TEST")
        return (
          try accuracy["variants"].array().map { try $0["kind"].string() },
          try accuracy["pairs"].array().count, try measured.artifact.encodedByteCount()
        )
      }
      let whole = try block(within: nil)
      #expect(whole.kinds == ["base", "adapter", "start", "tuned", "artifact"] && whole.pairs == 0)
      let bare = try block(within: whole.size - 1)
      #expect(bare.kinds == ["base", "adapter", "start", "artifact"] && bare.size < whole.size)
    }
  }
}
