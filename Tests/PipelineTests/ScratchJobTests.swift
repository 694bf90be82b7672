import Artifacts
import Bases
import Faults
import Files
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

/// Jobs without an adapter, on the tiny model.
@Suite struct ScratchJobTests {
  /// Training from nothing on the first 120 rows; `change` sets what is not plainest.
  private func scratch(
    _ tiny: TinyJob, _ request: inout JobRequest, steps: Int = 24,
    _ change: (inout JobRequest) -> Void = { _ in }
  ) {
    request.adapterPath = nil
    request.scratch = Recipe.Scratch()
    request.method = .zero
    tiny.tune(&request, steps: steps)
    request.tuning?.options.objective = .ce
    request.calibration = .file(JobRequest.Data(path: tiny.rows, limit: 20))
    request.calibrationModel = .base
    change(&request)
  }

  private func run(
    _ target: Recipe.Target = .rank(4), threads: Int = 2, steps: Int = 24,
    _ change: (TinyJob, inout JobRequest) -> Void = { _, _ in }
  ) throws -> (record: JobRecord, bytes: [UInt8]) {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder, threads: threads)
      return try tiny.run(target) { request in
        scratch(tiny, &request, steps: steps) { change(tiny, &$0) }
      }
    }
  }

  private func artifact(_ bytes: [UInt8]) throws -> Artifact { try Artifact(bytes: bytes) }

  // MARK: - What comes of it

  /// From zero the start is the base to the bit, and training makes it better on rows that it has not seen.
  @Test func theLossFallsBelowTheBases() throws {
    let (record, bytes) = try run(steps: 60) { tiny, request in
      request.evaluation = JobRequest.Data(path: tiny.rows, limit: 40, skip: 120)
    }
    let evaluation = try #require(record.evaluation)
    #expect(evaluation.variants.map(\.kind) == [.base, .start, .tuned, .stored])
    let base = try #require(evaluation.first(.base))
    #expect(evaluation.first(.start)?.nll == base.nll)
    #expect(try #require(evaluation.first(.tuned)).nll < 0.9 * base.nll)
    #expect(try #require(evaluation.first(.stored)).nll < 0.9 * base.nll)
    // There is no LoRA that anything could be compared with.
    #expect(evaluation.variants.allSatisfy { $0.klToTeacher == nil && $0.retainedGain == nil })
    #expect(record.adapter == nil && record.sizes?.asShipped == nil)
    #expect(record.sizes?.artifact == bytes.count && record.modules.count == 14)
    #expect(record.modules.allSatisfy { $0.loraRank == nil && $0.capturedEnergy == nil })
    #expect(record.recipe.contains(Setting("scratch.modules", "all-linear")))
    let losses = try #require(record.tuning).validationLoss.map(\.loss)
    #expect(try #require(losses.min()) < losses[0])
  }

  /// The artifact says what it is, and is loaded without any adapter.
  @Test func theArtifactNamesNoAdapter() throws {
    let (_, bytes) = try run(.rank(LatentRank(output: 6, input: 2))) {
      $1.scratch?.modules = ["q_proj", "down_proj"]
    }
    let found = try artifact(bytes)
    #expect(found.metadata.adapter == nil && found.metadata.name == "a")
    #expect(found.metadata.scratch?.modules == ["q_proj", "down_proj"])
    #expect(found.modules.count == 4)
    #expect(
      found.modules.allSatisfy {
        ["q_proj", "down_proj"].contains($0.moduleName.split(separator: ".").last ?? "")
      })
    #expect(found.modules.allSatisfy { $0.latent.rows == 6 && $0.latent.columns == 2 })
    #expect(found.modules.contains { $0.latent.elements.contains { $0 != 0 } })
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try ArtifactLoader(session: tiny.session).load(found).student(session: tiny.session)
    }
  }

  /// The paper's method: first directions, latents that start nearly at zero.
  @Test func topDirectionsStartNearlyAtTheBase() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context(.rank(3)) {
        scratch(tiny, &$0)
        $0.directions = .top
        $0.method = .normal
        $0.calibration = nil
      }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let size = try #require(JobSize.all(of: .rank(3), rank: job.source.rank).first)
      let start = try #require(
        try job.run(StartStage(), (size, projector, try job.run(RowsStage()))).first)
      let numbers = start.projected.latents.flatMap(\.elements)
      #expect(numbers.count == 14 * 9 && Set(numbers).count == numbers.count)
      let square = numbers.reduce(0) { $0 + $1 * $1 } / Float(numbers.count)
      #expect((0.8e-5...1.2e-5).contains(square.squareRoot()))
      #expect(start.projected.bases.allSatisfy { $0.selection == .top(rank: 3, omegaSeed: 0) })
      #expect(start.scale == nil)
    }
  }

  @Test(arguments: [
    LatentRank(1), LatentRank(output: 8, input: 1), LatentRank(output: 1, input: 5),
  ])
  func anyRankTrains(rank: LatentRank) throws {
    let (record, bytes) = try run(.rank(rank), steps: 6)
    let latents = try artifact(bytes).modules.map(\.latent)
    #expect(latents.allSatisfy { $0.rows == rank.output && $0.columns == rank.input })
    #expect(record.tuning?.steps == 6)
  }

  // MARK: - Budgets

  /// A budget is not passed, and nearly filled; how it is stored is found by cross-entropy.
  @Test(arguments: [Recipe.Directions.selected, .top])
  func aBudgetBuysDirections(directions: Recipe.Directions) throws {
    let (record, bytes) = try run(.budget(bytes: 3700), steps: 14) {
      $1.directions = directions
      $1.storage = .int3
      $1.choosesStorage = directions == .selected
      $1.tuning?.options.quantizedSteps = 7
    }
    #expect(bytes.count <= 3700 && bytes.count > 3300, "\(bytes.count)")
    guard directions == .selected else { return }
    let race = try #require(record.race)
    #expect(race.measure == "ce" && race.entries.map(\.store) == ["int3", "int4"])
    #expect(race.entries.allSatisfy { $0.form == "directions" })
  }

  // MARK: - The same bytes

  /// Two forms of directions, one with a race: functions of data and options, not of threads.
  @Test(arguments: [Recipe.Target.rank(4), .budget(bytes: 3700)])
  func threadsDoNotMatter(target: Recipe.Target) throws {
    let runs = try [1, 3].map { threads in
      try run(target, threads: threads, steps: 14) {
        $1.choosesStorage = target.budget != nil
      }.bytes
    }
    let isSame = runs[0] == runs[1]
    #expect(isSame)
  }

  /// A seed of the start and of the order is part of it.
  @Test func theSeedMatters() throws {
    func bytes(_ seed: UInt64) throws -> [UInt8] {
      try run(steps: 6) {
        $1.method = .normal
        $1.seed = seed
      }.bytes
    }
    let (one, again, other) = (try bytes(1), try bytes(1), try bytes(2))
    let (isSame, isOther) = (one == again, one != other)
    #expect(isSame && isOther)
  }

  // MARK: - Refusals

  @Test func modulesThatTheBaseLacksAreNamed() throws {
    let fault = try #require(throws: Fault.self) {
      try run { $1.scratch?.modules = ["q_proj", "c_attn"] }
    }
    #expect(fault.code == "AD-TARGET" && fault.exitCode == 64)
    #expect(fault.reason.contains("c_attn") && fault.path?.hasSuffix("base.gguf") == true)
  }

  /// Either an adapter or modules, never both and never none.
  @Test func aJobHasOneSource() throws {
    for change in [
      { (request: inout JobRequest) in request.adapterPath = Checkout.path("golden/tiny/adapter") },
      { $0.scratch = nil },
    ] as [(inout JobRequest) -> Void] {
      let fault = try #require(throws: Fault.self) { try run { change(&$1) } }
      #expect(fault.code == "JOB-OPTIONS" && fault.exitCode == 64)
    }
  }
}
