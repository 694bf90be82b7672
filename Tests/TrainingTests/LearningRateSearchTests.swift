import Faults
import Foundation
import Testing
import Training

/// The search against loss curves whose minimum is known.
@Suite struct LearningRateSearchTests {
  /// Trials of a search from 0.03 where the loss is least at `best`, and diverges above `limit`.
  private func rates(best: Double, limit: Double = .infinity) throws -> (
    tried: [Double], chosen: Double
  ) {
    let trials = try LearningRateSearch.search(TuningOptions()) { (options) throws(Fault) in
      #expect(options.steps == 20 && options.warmup <= 5)
      let distance = log(options.learningRate / best)
      return (options.learningRate > limit ? .nan : distance * distance, 0)
    }
    let chosen = try #require(LearningRateSearch.best(trials))
    return (trials.map(\.learningRate), trials[chosen].learningRate)
  }

  @Test func walksTowardsTheMinimum() throws {
    #expect(try rates(best: 0.03) == ([0.03, 0.015, 0.06], 0.03))
    #expect(try rates(best: 0.0075) == ([0.03, 0.015, 0.0075, 0.00375], 0.0075))
    #expect(try rates(best: 0.1) == ([0.03, 0.015, 0.06, 0.12, 0.24], 0.12))
  }

  /// Where no step is better than the start, a rate is judged by how much worse it ends, unless that is a plateau.
  @Test func ratesThatOnlyMakeItWorse() {
    func loss(_ losses: [Double]) -> Double {
      var history = TuningHistory()
      history.validationLoss = losses.enumerated().map {
        TuningHistory.Point(step: 10 * $0, loss: $1)
      }
      history.bestLoss = losses.min() ?? .infinity
      return LearningRateSearch.loss(of: history)
    }
    #expect(loss([0.5, 0.9, 0.7]) == 0.7)
    #expect(loss([0.5, 0.45, 0.7]) == 0.45)
    #expect(loss([0.5, 0.503, 0.54]) == 0.5)
    #expect(loss([]) == .infinity)
  }

  @Test func leavesWhatDiverges() throws {
    #expect(try rates(best: 0.06, limit: 0.02) == ([0.03, 0.015, 0.0075], 0.015))
    #expect(try rates(best: 1, limit: 0).tried.count == 3)
    #expect(LearningRateSearch.best([]) == nil)
  }
}
