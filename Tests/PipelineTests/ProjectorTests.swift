import Artifacts
import Bases
import Faults
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Reports
import Sessions
import TestSupport
import Testing

/// Directions and first latents of a job's modules, stage by stage.
@Suite struct ProjectorTests {
  /// The start of a job at `target`.
  private func start(
    _ tiny: TinyJob, _ target: Recipe.Target, _ change: (inout JobRequest) -> Void = { _ in }
  ) throws -> Start {
    let job = try tiny.context(target, change)
    try job.run(BasesStage())
    let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
    let size = JobSize.all(of: target, rank: job.source.rank)[0]
    return try job.run(StartStage(), (size, projector, nil))[0]
  }

  /// Larger plans hold more of every module's update, and one that holds all of its space holds all of it.
  @Test(arguments: [JobRequest.Directions.selected, .top])
  func energyGrowsWithTheRank(directions: JobRequest.Directions) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      var last: [Double] = []
      for rank in [1, 2, 4, 8, 16] {
        let found = try start(tiny, .rank(LatentRank(rank))) { $0.directions = directions }
        let held = found.projected.projections.map { $0.heldEnergy ?? -1 }
        #expect(held.count == 14 && held.allSatisfy { (0...1.000001).contains($0) })
        if !last.isEmpty, directions == .selected {
          #expect(zip(last, held).allSatisfy { $0 <= $1 + 1e-6 })
        }
        last = held
      }
      #expect(last.reduce(0, +) > 0)
    }
  }

  /// Chosen directions hold at least what the first ones do, by plain energy.
  @Test func chosenOnesHoldMore() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      func energy(_ directions: JobRequest.Directions) throws -> Double {
        try start(tiny, .rank(4)) { $0.directions = directions }.projected.projections
          .reduce(0) { $0 + ($1.heldEnergy ?? 0) }
      }
      #expect(try energy(.selected) > energy(.top))
    }
  }

  /// The adapter's own directions hold all of it; what is left out by the others is told.
  @Test func ownDirectionsHoldAllOfIt() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let own = try start(tiny, .own) { $0.directions = .own }.projected
      #expect(own.projections.allSatisfy { abs(($0.heldEnergy ?? 0) - 1) < 1e-5 })
    }
  }

  /// Beside pairs of the adapter directions hold what these leave.
  @Test func pairsLeaveTheRest() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let plain = try start(tiny, .rank(4)).projected
      let beside = try start(tiny, .rank(4)) { request in
        request.residual = JobRequest.Residual(size: .pairs(1))
      }.projected
      #expect(beside.residuals.allSatisfy { $0 != nil } && plain.residuals.allSatisfy { $0 == nil })
      let (less, more) = (plain.projections, beside.projections)
      #expect(
        zip(less, more).allSatisfy { ($0.capturedEnergy ?? 1) < ($1.capturedEnergy ?? 0) + 1e-9 })
    }
  }

  /// A rank above a module's smaller side is clipped to it and said once.
  @Test func ranksAreClippedAndSaid() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let record = try tiny.run(.rank(500)).record
      #expect(record.modules.count == 14)
      #expect(
        record.modules.allSatisfy {
          $0.outputRank <= min($0.outFeatures, $0.inFeatures) && $0.inputRank == $0.outputRank
        })
      #expect(record.warnings.count { $0.contains("clipped in") } == 1)
    }
  }
}
