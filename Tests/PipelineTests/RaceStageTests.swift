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

/// Which of several starts wins, on what grounds, and how that outlives an interruption.
@Suite struct RaceStageTests {
  private let target = Recipe.Target.budget(bytes: 4600)

  /// A job up to its race.
  private func withStarts(
    _ change: (TinyJob, inout JobRequest) -> Void,
    _ body: (JobContext, [Start], JobSize, JobRows?) throws -> Void
  ) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let job = try tiny.context(target) { change(tiny, &$0) }
      try job.run(BasesStage())
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      let rows = try job.run(RowsStage())
      let size = JobSize.all(of: target, rank: 4)[0]
      let starts = try job.run(StartStage(), (size, projector, rows))
      try body(job, starts, size, rows)
    }
  }

  @Test func oneStartHasNoRace() throws {
    try withStarts({ $1.form = .pairs }) { job, starts, size, rows in
      let found = try job.run(RaceStage(), (starts, size, rows))
      #expect(found.race == nil && found.start.form == .pairs)
    }
  }

  /// Without any rows the energy that is not captured decides.
  @Test func energyDecidesWithoutRows() throws {
    try withStarts({ _, _ in }) { job, starts, size, rows in
      let found = try job.run(RaceStage(), (starts, size, rows))
      let race = try #require(found.race)
      #expect(race.measure == "energy" && race.rows == 0 && race.entries.count == starts.count)
      let losses = race.entries.map(\.loss)
      #expect(losses.allSatisfy { (0...1).contains($0) })
      #expect(found.start.form == starts[losses[0] <= losses[1] ? 0 : 1].form)
      #expect(race.winner?.form == found.start.form.rawValue)
    }
  }

  /// Rows behind those that calibrate decide what nothing tunes; where there are none, the energy again.
  @Test(arguments: [20, 200])
  func rowsBehindTheCalibrationDecide(limit: Int) throws {
    try withStarts({
      $0.calibrate(&$1)
      $1.calibration?.limit = limit
    }) { job, starts, size, rows in
      let race = try #require(try job.run(RaceStage(), (starts, size, rows)).race)
      #expect(race.measure == (limit == 20 ? "kd" : "energy"))
      #expect(race.rows == (limit == 20 ? 96 : 0))
      #expect(race.entries.allSatisfy { $0.steps == 0 && $0.loss.isFinite })
      #expect(race.entries.count { $0.isKept } == 1)
    }
  }

  /// What is tuned is tuned for a while on dev rows, and the decision is kept for a run that goes on, of this job alone.
  @Test func aDecisionOutlivesAnInterruption() throws {
    let tuned = { (tiny: TinyJob, request: inout JobRequest) in
      request.storage = .int3
      tiny.tune(&request, steps: 14)
    }
    try withStarts(tuned) { job, starts, size, rows in
      let file = try RaceFile(job, size: size, rows: rows)
      #expect(try file.decision() == nil)
      let found = try job.run(RaceStage(), (starts, size, rows))
      let race = try #require(found.race)
      #expect(race.measure == "kd" && race.rows == 24)
      #expect(race.entries.filter { $0.round == 1 }.allSatisfy { $0.steps == 2 })
      let best = try #require(race.entries.min { $0.loss < $1.loss })
      #expect(race.winner == best && found.start.form.rawValue == best.form)
      // A run that goes on looks at the winner alone and has the same race to tell.
      let decision = try file.decision()
      #expect(decision?.form == found.start.form && decision?.race == race)
      let winner = starts.filter { $0.form == found.start.form }
      let again = try job.run(RaceStage(), (winner, size, rows))
      #expect(again.race == race)
      // Another budget, and a run that begins anew.
      let other = JobSize.all(of: .budget(bytes: 4700), rank: 4)[0]
      #expect(try RaceFile(job, size: other, rows: rows).decision() == nil)
      var request = job.request
      request.restarts = true
      let anew = try JobContext(session: job.session, request: request)
      #expect(try RaceFile(anew, size: size, rows: rows).decision() == nil)
      try AtomicFile.write(job.request.outputPath + ".tuning.race", text: "{\"plan\": 3")
      #expect(try file.decision() == nil)
    }
  }

  /// Where the storage is left open it races too: wider numbers of fewer directions against narrow ones of more.
  @Test func storageRacesWithForm() throws {
    try withStarts({
      $0.calibrate(&$1)
      $1.choosesStorage = true
    }) { job, starts, size, rows in
      #expect(starts.map(\.storage) == [.int8, .int4, .int3, .int8, .int8])
      #expect(starts.map(\.form) == [.directions, .directions, .directions, .pairs, .pairs])
      #expect(starts.map(\.pairChoice) == [nil, nil, nil, .curvature, .energy])
      let numbers = starts.map { $0.projected.latents.reduce(0) { $0 + $1.elements.count } }
      #expect(numbers[0] < numbers[1] && numbers[1] < numbers[2])
      // Coarser scales make for a hundredth too much.
      #expect(starts.allSatisfy { $0.bytes <= 4646 })
      let found = try job.run(RaceStage(), (starts, size, rows))
      let race = try #require(found.race)
      #expect(race.entries.map(\.store) == ["int8", "int4", "int3", "int8", "int8"])
      #expect(found.start.storage.rawValue == race.winner?.store)
      // What wins is what the file is made of.
      let tuned = try job.run(TuningStage(), (found.start, size, rows))
      let artifact = try job.run(StorageStage(), (tuned, size.bytes)).artifact.artifact
      #expect(artifact.metadata.storage == found.start.storage)
    }
  }

  /// Which pairs are to be trained is raced too, and a run that goes on makes the same ones again.
  @Test func kindsOfPairsRace() throws {
    try withStarts({
      $1.storage = .int3
      $1.form = .pairs
      $0.calibrate(&$1)
      $0.tune(&$1, steps: 14)
    }) { job, _, _, rows in
      let projector = try job.run(ResidualStage(), try job.run(CalibrationStage()))
      var raced = 0
      for bytes in [2000, 2600, 3300, 4000, 6000] {
        let size = JobSize.all(of: .budget(bytes: bytes), rank: 4)[0]
        let starts = try job.run(StartStage(), (size, projector, rows))
        // One that starts far behind the other does not race.
        guard starts.count > 1 else { continue }
        raced += 1
        #expect(starts.map(\.pairChoice) == [.curvature, .energy])
        let found = try job.run(RaceStage(), (starts, size, rows))
        let race = try #require(found.race)
        #expect(race.entries.map(\.pairChoice) == [.curvature, .energy])
        #expect(race.winner?.pairChoice == found.start.pairChoice)
        let again = try job.run(StartStage(), (size, projector, rows))
        #expect(again.map(\.pairChoice) == [found.start.pairChoice])
        #expect(again[0].projected.latents == found.start.projected.latents)
      }
      #expect(raced > 0)
    }
  }

  /// All rounds together are a third of the job's steps at most.
  @Test(arguments: 2...9)
  func aRaceTakesAThirdAtMost(count: Int) {
    for steps in [60, 100, 200, 400] {
      var (left, round, total) = (count, RaceStage.firstRound(steps, of: count), 0)
      while left > 1 {
        total += left * round
        (left, round) = (left / 2, 2 * round)
      }
      // Of many in few steps two each are the least that says anything.
      #expect(total * 3 <= steps || RaceStage.firstRound(steps, of: count) == 2)
    }
    #expect(RaceStage.firstRound(70, of: 2) == 10)
  }

  @Test func theBetterHalfIsKept() {
    #expect(RaceStage.best([3, 1, 2, 4], count: 2) == [1, 2])
    #expect(RaceStage.best([1, 1, 1], count: 1) == [0])
    #expect(RaceStage.best([.infinity, 5], count: 0) == [1])
  }
}
