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
import TestSupport
import Testing
import Training

/// Every branch of a job's order, from the options to what is left behind.
@Suite struct JobOrderTests {
  /// A branch: what is asked for, and the stages it goes through, in their order.
  struct Branch: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let target: Recipe.Target
    let change: @Sendable (TinyJob, inout JobRequest) -> Void
    let stages: [String]
  }

  private static let branches = [
    Branch(
      testDescription: "own", target: .own, change: { $1.directions = .own },
      stages: ["bases", "project", "store"]),
    Branch(
      testDescription: "rank, tuned and measured", target: .rank(4),
      change: {
        $0.calibrate(&$1)
        $0.tune(&$1)
        $1.evaluation = JobRequest.Data(path: $0.rows, limit: 10, skip: 150)
        $1.controls = [.zero]
      }, stages: ["bases", "calibrate", "read rows", "project", "tune", "store", "evaluate"]),
    Branch(
      testDescription: "budget with a race", target: .budget(bytes: 4600), change: { $0.tune(&$1) },
      stages: ["bases", "read rows", "project", "race", "tune", "store"]),
    Branch(
      testDescription: "budget of a form", target: .budget(bytes: 6000),
      change: { $1.form = .both }, stages: ["bases", "project", "store"]),
    Branch(
      testDescription: "minimum that passes", target: .minRetained(0.05, startingRank: 4),
      change: {
        TinyRows.selfWritten(&$1, in: $0.folder)
        $1.residual = JobRequest.Residual(size: .pairs(4))
      },
      stages: [
        "bases", "residual", "write texts", "read rows", "judge", "project", "tune", "store",
      ]),
  ]

  @Test(arguments: branches)
  func aJobGoesThroughItsStages(branch: Branch) throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (record, bytes) = try tiny.run(branch.target) { branch.change(tiny, &$0) }
      #expect(record.stages.map(\.name) == branch.stages)
      #expect(record.state == .done && record.sizes?.artifact == bytes.count)
      // Nothing is left but the artifact, and the texts that the model wrote.
      #expect(
        try tiny.files.subtracting(["openings.jsonl", "a.loraxs.self.jsonl"]) == ["a.loraxs"])
      if case .budget(let budget, _) = branch.target { #expect(bytes.count <= budget) }
    }
  }

  /// A minimum that nothing reaches leaves no artifact and tells what came nearest of how many.
  @Test func aMinimumThatNothingReachesIsRejected() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let request = tiny.request(.minRetained(1, startingRank: 16)) {
        TinyRows.selfWritten(&$0, in: folder)
        $0.residual = JobRequest.Residual(size: .pairs(1))
      }
      let runner = try JobRunner(session: tiny.session, request: request)
      let fault = try #require(throws: Fault.self) { try runner.run() }
      let gate = try #require(runner.gate)
      #expect(fault.code == JobRunner.rejection && fault.reason.contains(gate.sentence))
      #expect(gate.tried == JobSize.all(of: request.target, rank: 4).count && !gate.passes)
      #expect(Paths.kind(of: tiny.output) == .missing)
      // Checkpoints stay: judged again, nothing is tuned again.
      #expect(try tiny.files.contains { $0.hasPrefix("a.loraxs.tuning.") })
    }
  }

  /// The same with the LoRA kept: done with, at its own size, and nothing is left but the record.
  @Test func aMinimumThatNothingReachesMayKeepTheLoRA() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let request = tiny.request(.minRetained(1, startingRank: 32)) {
        TinyRows.selfWritten(&$0, in: folder)
        $0.residual = JobRequest.Residual(size: .pairs(1))
        $0.belowMinimum = .keep
        $0.evaluation = JobRequest.Data(path: tiny.rows, limit: 40)
      }
      let record = try JobRunner(session: tiny.session, request: request).run()
      // What is kept is measured, beside the base.
      #expect(record.evaluation?.variants.map(\.kind) == [.base, .lora])
      #expect(record.stages.contains { $0.name == "evaluate" })
      let (sizes, gate) = (try #require(record.sizes), try #require(record.gate))
      #expect(record.state == .kept && record.failure == nil && record.artifactPath == nil)
      #expect(!gate.passes && gate.tried == JobSize.all(of: request.target, rank: 4).count)
      #expect(sizes.artifact == sizes.asShipped && sizes.asShipped == record.adapter?.bytes)
      #expect(record.recipe.contains { $0.name == "below_minimum" && $0.value == "keep" })
      #expect(try tiny.files.subtracting(["openings.jsonl", "a.loraxs.self.jsonl"]).isEmpty)
    }
  }

  /// What fits nowhere was never judged: that is no reason to keep anything.
  @Test func aMinimumWithoutAnySizeIsRefusedAllTheSame() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let fault = try #require(throws: Fault.self) {
        try tiny.run(.budget(bytes: 300, minRetained: 0.5)) {
          TinyRows.selfWritten(&$0, in: folder)
          $0.belowMinimum = .keep
        }
      }
      #expect(fault.code == "JOB-BUDGET")
    }
  }

  /// Parts of a budget that hold nothing are passed over, and the first that passes is written.
  @Test func partsOfABudgetAreTriedInTurn() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let (record, bytes) = try tiny.run(.budget(bytes: 9000, minRetained: 0.05)) {
        TinyRows.selfWritten(&$0, in: folder)
        $0.residual = JobRequest.Residual(size: .pairs(4))
      }
      let gate = try #require(record.gate)
      #expect(gate.passes && bytes.count <= 9000)
      #expect(["2250", "4500", "9000"].contains { gate.size == "\($0) bytes" })
    }
  }

  @Test func aBudgetThatNothingFitsIsRefused() throws {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      let fault = try #require(throws: Fault.self) { try tiny.run(.budget(bytes: 300)) }
      #expect(fault.code == "JOB-BUDGET" && fault.reason.contains("no rank fits 300 bytes"))
      #expect(try tiny.files.isEmpty)
    }
  }

  /// The race and everything after it are functions of the data: one thread and three give the same bytes.
  @Test(arguments: [false, true])
  func aRacedBudgetDoesNotDependOnThreads(isTuned: Bool) throws {
    var found: [(bytes: [UInt8], race: RaceRecord?)] = []
    for threads in [1, 3] {
      try withTemporaryDirectory { folder in
        let tiny = try TinyJob(in: folder, threads: threads)
        let (record, bytes) = try tiny.run(.budget(bytes: 4600)) {
          tiny.calibrate(&$0)
          if isTuned { tiny.tune(&$0, steps: 14) }
        }
        found.append((bytes, record.race))
      }
    }
    let races = found.compactMap(\.race)
    #expect(races.count == 2)
    #expect(races[0].entries.map(\.loss) == races[1].entries.map(\.loss))
    #expect(found[0].bytes == found[1].bytes)
  }
}
