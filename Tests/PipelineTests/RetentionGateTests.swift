import Artifacts
import Bases
import Evaluation
import Faults
import Files
import JSON
import Models
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

/// A minimum of retained gain on the tiny model, whose adapter writes its own rows.
@Suite struct RetentionGateTests {
  private func withRunner(
    _ target: JobRequest.Target, _ change: (inout JobRequest) -> Void = { _ in },
    _ body: (JobRunner, BaseSession, JobRequest) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      let base = Paths.join(folder, "base.gguf")
      try AtomicFile.write(base, bytes: try TinyRows.base())
      let session = try BaseSession(
        path: base, cacheDirectory: Paths.join(folder, "cache"), threads: 2,
        log: ProgressLog(style: .none))
      var request = JobRequest(
        name: "a", basePath: base, adapterPath: Checkout.path("golden/tiny/adapter"),
        target: target, method: .projected, outputPath: Paths.join(folder, "a.loraxs"))
      TinyRows.selfWritten(&request, in: folder)
      // Rank 4 whole: the tiny model's own directions hold little of it.
      request.residual = JobRequest.Residual(size: .pairs(4))
      change(&request)
      try body(try JobRunner(session: session, request: request), session, request)
    }
  }

  /// The rows that judged: the same ones whenever they are read.
  private func gateRows(_ runner: JobRunner) throws -> [TokenizedExample] {
    try #require(try runner.job.run(RowsStage())).gate
  }

  /// What `path` keeps on `examples`, measured apart from the gate.
  private func retained(
    _ path: String, _ runner: JobRunner, _ session: BaseSession, _ examples: [TokenizedExample]
  ) throws -> RetainedGain? {
    let evaluator = Evaluator(plan: EvaluationPlan(examples: examples))
    func right(_ pool: DecoderPool) throws -> [Bool] {
      try evaluator.evaluate(pool).scores.examples.map(\.isCorrect)
    }
    return RetainedGain(
      base: try right(DecoderPool(weights: try session.weights(), threads: 2)),
      teacher: try right(try #require(try runner.job.teacher())),
      variant: try right(
        try ArtifactLoader(session: session).load(path).student(session: session).pool))
  }

  /// In two bits the stored artifact is another model than the tuned latents: the record's figures are the file's.
  @Test(arguments: [JobRequest.Target.minRetained(0.05, startingRank: 4)])
  func whatIsWrittenIsWhatWasJudged(target: JobRequest.Target) throws {
    try withRunner(target, { $0.storage = .int2 }) { runner, session, request in
      let record = try runner.run()
      let gate = try #require(record.gate)
      #expect(gate.rows == 32 && gate.asked == 0.05 && gate.passes)
      let rows = try gateRows(runner)
      #expect(rows.count == 32)
      let found = try #require(try retained(request.outputPath, runner, session, rows))
      #expect(gate.retained == found.value && gate.interval95 == found.interval95)
      let noted = try ArtifactLoader(session: session).load(request.outputPath).artifact.metadata
        .record["gate"]
      #expect(noted?["rows"]?.intValue == 32 && noted?["size"]?.stringValue == gate.size)
      #expect(record.settings.contains { $0.name == "scales" })
    }
  }

  /// The value reaches the minimum, the lower end of its interval does not.
  @Test func theLowerEndIsWhatMustReachTheMinimum() throws {
    var found: GateRecord?
    try withRunner(.minRetained(0.05, startingRank: 4)) { runner, _, _ in
      found = try runner.run().gate
    }
    let passed = try #require(found)
    #expect(passed.interval95.lowerBound < passed.retained)
    let between = (passed.interval95.lowerBound + passed.retained) / 2
    // The same job would have been done at the same size by its value.
    try withRunner(.minRetained(min(between, 1), startingRank: 4)) { runner, _, request in
      do {
        let gate = try #require(try runner.run().gate)
        #expect(gate.passes && gate.size != passed.size && gate.tried > passed.tried)
      } catch let fault as Fault {
        let gate = try #require(runner.gate)
        #expect(fault.code == "JOB-RETAINED" && fault.exitCode == 65)
        #expect(fault.reason.contains(gate.sentence) && !gate.passes)
        #expect(Paths.kind(of: request.outputPath) == .missing)
      }
    }
  }

  /// A budget's scales are those that are judged, and the record names them.
  @Test func budgetsAreJudgedAtTheirScales() throws {
    try withRunner(.budget(bytes: 9000, minRetained: 0.05), { $0.storage = .int8 }) {
      runner, session, request in
      let record = try runner.run()
      let gate = try #require(record.gate)
      let found = try #require(
        try retained(request.outputPath, runner, session, try gateRows(runner)))
      #expect(gate.retained == found.value && gate.size.hasSuffix("bytes"))
      #expect(record.settings.first { $0.name == "scales" } != nil)
      #expect(try InputFile(request.outputPath).readAll(limit: 1 << 20).count <= 9000)
    }
  }

  @Test func tooFewRowsStopBeforeTuning() throws {
    try withRunner(.minRetained(0.5, startingRank: 4), { $0.ownTexts.options.count = 40 }) {
      runner, _, _ in
      let fault = try #require(throws: Fault.self) { try runner.run() }
      #expect(fault.code == "JOB-GATE" && fault.exitCode == 64)
    }
  }
}
