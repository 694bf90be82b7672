import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Sessions
import Tensors
import TestSupport
import Testing

/// From a size to directions, pairs and first latents.
@Suite struct StartStageTests {
  private func starts(
    _ target: Recipe.Target, _ change: (TinyJob, inout JobRequest) -> Void = { _, _ in }
  ) throws -> [Start] {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context(target) { change(tiny, &$0) }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let size = try #require(JobSize.all(of: target, rank: job.source.rank).first)
      return try job.run(StartStage(), (size, projector, try job.run(RowsStage())))
    }
  }

  @Test func aRankIsOneStart() throws {
    let start = try #require(try starts(.rank(LatentRank(output: 4, input: 2))).first)
    #expect(start.form == .directions && start.storage == .int8 && start.bytes == 0)
    let latents = start.projected.latents
    #expect(latents.count == 14 && latents.allSatisfy { $0.rows == 4 && $0.columns == 2 })
  }

  @Test func ownDirectionsHaveTheAdaptersRank() throws {
    let start = try #require(try starts(.own) { $1.directions = .own }.first)
    #expect(start.projected.rank == LatentRank(4))
    // Exact: nothing of the update is outside its own directions.
    #expect(start.projected.projections.allSatisfy { abs(($0.capturedEnergy ?? 0) - 1) < 1e-6 })
  }

  @Test func pairsAskedForStandBesideDirections() throws {
    let start = try #require(
      try starts(.rank(4)) { $1.residual = JobRequest.Residual(size: .pairs(2)) }.first)
    #expect(start.projected.residuals.allSatisfy { $0?.count == 2 })
    #expect(start.projected.latents.allSatisfy { $0.rows == 6 && $0.columns == 6 })
  }

  /// The rank, directions and latents of an artifact are where its successor starts.
  @Test func anArtifactIsAStart() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      _ = try tiny.run(.rank(3)) { $0.storage = .f32 }
      let job = try tiny.context(.rank(0)) {
        tiny.tune(&$0)
        $0.startArtifactPath = tiny.output
        $0.outputPath = Paths.join(folder, "b.loraxs")
      }
      let projector = try job.run(ResidualStage(), nil)
      let size = JobSize.all(of: .rank(0), rank: 4)[0]
      let start = try #require(try job.run(StartStage(), (size, projector, nil)).first)
      let loaded = try ArtifactLoader(session: tiny.session).load(tiny.output).artifact
      #expect(start.projected.latents == loaded.modules.map(\.latent))
      #expect(start.projected.rank == LatentRank(3))
    }
  }

  @Test func aBudgetIsAStartOfEveryFormInQuestion() throws {
    let both = try starts(.budget(bytes: 3700))
    #expect(both.map(\.form) == [.directions, .pairs])
    for start in both {
      #expect(start.bytes <= 3700 && start.bytes > 3000)
      #expect(start.projected.residuals.contains { $0 != nil } == (start.form == .pairs))
    }
    for form in Recipe.ArtifactForm.allCases {
      let one = try starts(.budget(bytes: 6000)) { $1.form = form }
      #expect(one.map(\.form) == [form])
    }
    // What does not leave the form open.
    #expect(try starts(.budget(bytes: 3700)) { $1.directions = .top }.count == 1)
    let beside = try starts(.budget(bytes: 6000)) {
      $1.residual = JobRequest.Residual(size: .pairs(1))
    }
    #expect(beside.map(\.form) == [.directions])
  }

  /// A part of a budget is directions alone; what nothing fits has no start.
  @Test func aPartOfABudgetIsDirections() throws {
    let part = try starts(.budget(bytes: 16_000, minRetained: 0.1)) { $0.tune(&$1) }
    #expect(part.map(\.form) == [.directions] && part[0].bytes == 0)
    #expect(try starts(.budget(bytes: 1600, minRetained: 0.1)) { $0.tune(&$1) }.isEmpty)
    #expect(try starts(.budget(bytes: 300)).isEmpty)
  }
}
