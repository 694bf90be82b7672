import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import LinearAlgebra
import Pipeline
import PipelineSupport
import Progress
import Recipes
import Reports
import Sessions
import TestSupport
import Testing
import Tools
import Training

/// `evaluate` on what a job has left: the figures that the job measured, from the files alone.
@Suite struct EvaluationRunTests {
  /// A job in a storage, measured on ten rows.
  private func measured(
    _ tiny: TinyJob, _ storage: LatentStorage, _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> EvaluationRecord {
    let record = try tiny.run(.rank(4)) {
      $0.storage = storage
      $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 10, skip: 150)
      change(&$0)
    }.record
    return try #require(record.evaluation)
  }

  private func evaluate(
    _ tiny: TinyJob, threads: Int = 1, data: String? = nil, limit: Int? = 10, skip: Int = 150,
    precision: ProductPrecision = .float32
  ) throws -> EvaluationRecord {
    let session = try BaseSession(
      path: tiny.session.base.path, cacheDirectory: nil, threads: threads, log: tiny.session.log)
    return try EvaluationRun(session: session).run(
      data: JobRequest.Data(
        path: data ?? tiny.rows, limit: limit, skip: skip, precision: precision),
      adapters: [Checkout.path("golden/tiny/adapter")], artifacts: [tiny.output])
  }

  /// What is stored is what was measured: in every storage, with and without a residual, on other threads and bases
  /// that are computed again.
  @Test(arguments: LatentStorage.allCases, [false, true])
  func aFileHasTheFiguresOfItsJob(storage: LatentStorage, hasResidual: Bool) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try measured(tiny, storage) {
        if hasResidual { $0.residual = JobRequest.Residual(size: .pairs(1)) }
      }
      let again = try evaluate(tiny, threads: 3)
      #expect(again.data == job.data)
      for kind in [VariantResult.Kind.base, .lora, .stored] {
        let (found, known) = (try #require(again.first(kind)), try #require(job.first(kind)))
        #expect(abs(found.nll - known.nll) < 1e-6 && found.accuracy == known.accuracy, "\(kind)")
        #expect(found.klToTeacher.map { abs($0 - (known.klToTeacher ?? .nan)) < 1e-6 } != false)
      }
      #expect(again.first(.stored)?.bytes == (try InputFile(tiny.output).byteCount))
    }
  }

  /// The base is run once for all jobs on the same rows; its figures, those beside each LoRA too, are those of a session that has
  /// measured nothing before.
  @Test func theBaseIsMeasuredOnceForAllJobs() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      func base(_ tiny: TinyJob, skip: Int, limit: Int = 10) throws -> VariantResult {
        let record = try measured(tiny, .int8) {
          $0.evaluation = JobRequest.Data(path: tiny.rows, limit: limit, skip: skip)
        }
        return try #require(record.first(.base))
      }
      func isSame(_ one: VariantResult, _ other: VariantResult) -> Bool {
        one.nll == other.nll && one.accuracy == other.accuracy && one.n == other.n
          && one.klToTeacher == other.klToTeacher && one.choiceNLL == other.choiceNLL
      }
      let first = try base(tiny, skip: 150)
      #expect(isSame(try base(tiny, skip: 150), first))
      let others = [try base(tiny, skip: 140), try base(tiny, skip: 140, limit: 12)]
      #expect(others.allSatisfy { !isSame($0, first) })
      for (skip, limit, known) in [(140, 10, others[0]), (140, 12, others[1]), (150, 10, first)] {
        #expect(isSame(try base(try TinyJob(in: folder), skip: skip, limit: limit), known))
      }
    }
  }

  /// The teacher is measured first and told from the base; pairs are of all that were given.
  @Test func variantsComeInOneOrder() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try measured(tiny, .int8)
      let record = try evaluate(tiny)
      #expect(record.variants.map(\.kind) == [.base, .lora, .stored])
      #expect(record.variants[1].klToTeacher == 0 && record.variants[1].agreement == 1)
      #expect(
        record.variants[2].retainedGain != nil
          || record.variants[0].accuracy == record.variants[1].accuracy)
      #expect(record.pairs.map { [$0.a, $0.b] } == [[0, 1], [0, 2], [1, 2]])
    }
  }

  /// Products in bfloat16 have figures of their own, near those of Float32, which the record and the artifact tell apart: the
  /// same for the job and for its file.
  @Test func roundedProductsAreSaid() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let whole = try measured(tiny, .int8)
      let rounded = try measured(tiny, .int8) { $0.evaluation?.precision = .bfloat16 }
      #expect(rounded.isRounded && !whole.isRounded)
      #expect(rounded.extent == "10 examples behind the first 150, in bfloat16")
      #expect(
        rounded.extent(of: "rows") == "10 examples behind the first 150 of rows, in bfloat16")
      let block = try Artifact.read(tiny.output).metadata.accuracy
      #expect(try EvaluationRecord(json: block).isRounded)
      let again = try evaluate(tiny, threads: 3, precision: .bfloat16)
      for kind in [VariantResult.Kind.base, .lora, .stored] {
        let found = try [whole, rounded, again].map { try #require($0.first(kind)?.nll) }
        #expect(abs(found[1] - found[0]) < 2e-2 * found[0] && found[1] != found[0], "\(kind)")
        #expect(abs(found[2] - found[1]) < 1e-6, "\(kind)")
      }
    }
  }

  /// What a table of figures would not tell.
  @Test func whatMakesFiguresTooGoodOrTheWorkVainIsSaid() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      func kinds(_ rank: LatentRank, _ change: (inout JobRequest) -> Void) throws -> [String] {
        try tiny.run(.rank(rank)) {
          tiny.tune(&$0)
          $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 10, skip: 150)
          change(&$0)
        }.record.warnings
      }
      let seen = try kinds(4) {
        $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 10, skip: 115)
      }
      #expect(seen.contains { $0.contains("5 of 10 examples") && $0.contains("EVAL-SEEN") })
      #expect(!seen.contains { $0.contains("SIZE-F16") })
      // A rate at which nothing moves.
      let kept = try kinds(4) { $0.tuning?.options.learningRate = 1e-30 }
      #expect(kept.contains { $0.contains("TUNE-START") })
      #expect(!kept.contains { $0.contains("EVAL-SEEN") })
      let large = try kinds(16) { $0.storage = .f32 }
      #expect(large.contains { $0.contains("SIZE-F16") })
    }
  }

  /// Texts are examples too: every token but the first is predicted, and rows of several kinds stand in one file.
  @Test func textsAreMeasuredByTheirTokens() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try measured(tiny, .int8)
      func nll(_ lines: String) throws -> [Double] {
        let path = Paths.join(folder, "texts.jsonl")
        _ = try AtomicFile.write(path, text: lines)
        return try evaluate(tiny, data: path, limit: nil, skip: 0).variants.map(\.nll)
      }
      let text = try nll("{\"text\": \"CDEF\"}\n")
      // The same tokens as a prompt and a completion.
      let split = try nll("{\"prompt\": \"C\", \"completion\": \"DEF\"}\n")
      #expect(zip(text, split).allSatisfy { abs($0 - $1) < 1e-6 } && text.count == 3)
      let both = try nll(
        "{\"text\": \"CDEF\"}\n{\"prompt\": \"C\", \"completion\": \"DEF\"}\n")
      #expect(zip(text, both).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  /// A bad last path costs no pass over the first ones.
  @Test func everythingIsOpenedFirst() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let fault = try #require(throws: Fault.self) {
        _ = try EvaluationRun(session: tiny.session).run(
          data: JobRequest.Data(path: "\(folder)/missing.jsonl"),
          adapters: [Checkout.path("golden/tiny/adapter")], artifacts: ["\(folder)/none.loraxs"])
      }
      #expect(fault.path == "\(folder)/none.loraxs" && fault.exitCode == 66)
    }
  }
}
