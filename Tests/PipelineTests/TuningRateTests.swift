import Bases
import Files
import Pipeline
import PipelineSupport
import Projection
import Recipes
import Reports
import TestSupport
import Testing
import Training

/// The rate a job trains with, by what it trains and from where, and what the record says of it.
@Suite struct TuningRateTests {
  /// The record of a job that trains for two steps.
  private func record(
    _ target: Recipe.Target = .rank(4), _ change: (TinyJob, inout JobRequest) -> Void
  ) throws -> JobRecord {
    try withTemporaryDirectory { folder in
      let tiny = try TinyJob(in: folder)
      return try tiny.run(target) { request in
        tiny.tune(&request, steps: 2)
        change(tiny, &request)
      }.record
    }
  }

  private func setting(_ name: String, _ record: JobRecord) -> String? {
    record.tuning?.settings.first { $0.name == name }?.value
  }

  private func scratch(_ request: inout JobRequest) {
    request.adapterPath = nil
    request.scratch = Recipe.Scratch()
    request.directions = .top
    request.method = .zero
    request.tuning?.options.objective = .ce
  }

  /// From nothing in the first directions: 1.6 by the rank, 0.3 at most.
  @Test(arguments: [(2, "0.3"), (4, "0.3"), (8, "0.2"), (16, "0.1")])
  func fromNothingByTheRank(rank: Int, rate: String) throws {
    let found = try record(.rank(LatentRank(rank))) { scratch(&$1) }
    #expect(setting("learning rate", found) == rate)
    #expect(setting("objective", found) == "ce")
  }

  /// Chosen directions keep the rate of others, and what is given holds everywhere.
  @Test func otherStartsKeepTheirs() throws {
    let chosen = try record { tiny, request in
      scratch(&request)
      request.directions = .selected
      request.calibration = .file(JobRequest.Data(path: tiny.rows, limit: 20))
      request.calibrationModel = .base
    }
    #expect(setting("learning rate", chosen) == "0.03")
    let given = try record {
      scratch(&$1)
      $1.tuning?.learningRate = 0.007
    }
    #expect(setting("learning rate", given) == "0.007")
  }

  /// From a start near the LoRA the rate is lower: by the share that the start's KL is of the one with the whole rate.
  @Test func nearStartsStepCarefully() throws {
    let zero = try record { $1.method = .zero }
    let own = try record(.own) { $1.directions = .own }
    let rates = try [zero, own].map {
      try #require(setting("learning rate", $0).flatMap(Double.init))
    }
    let starts = try [zero, own].map { try #require($0.tuning?.validationLoss.first?.loss) }
    for (rate, start) in zip(rates, starts) {
      #expect(abs(rate - 0.03 * min(1, max(start / 0.5, 0.1))) < 1e-5, "\(rate) from \(start)")
    }
    #expect(rates[1] < rates[0])
  }

  /// The search starts at the standard rate, and every trial is in the record.
  @Test func theSearchIsRecorded() throws {
    let found = try record { $1.tuning?.searchesLearningRate = true }
    let trials = try #require(found.tuning).trials
    #expect(trials.count >= 2)
    let best = try #require(trials.min { $0.validationLoss < $1.validationLoss })
    #expect(best.isChosen && trials.count { $0.isChosen } == 1)
    let rate = best.settings.first { $0.name == "learning rate" }?.value
    #expect(rate == setting("learning rate", found))
  }
}
