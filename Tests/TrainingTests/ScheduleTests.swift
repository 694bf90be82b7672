import Evaluation
import Testing
import Training

@Suite struct ScheduleTests {
  @Test func warmsUpThenFallsLinearlyToZero() {
    var options = TuningOptions()
    options.learningRate = 1
    options.warmup = 4
    options.steps = 10
    let rates = (0..<10).map(options.learningRate)
    #expect(rates.prefix(4) == [0.25, 0.5, 0.75, 1])
    #expect(rates[4] == 1)
    #expect(abs(rates[9] - 1.0 / 6) < 1e-12)
    #expect(zip(rates.dropFirst(4), rates.dropFirst(5)).allSatisfy { $0 > $1 })
  }

  /// The best rates of `golden/recovery/NOTES.md` that do not depend on anything but the shape.
  @Test(arguments: [(16, 0.03), (32, 0.03), (144, 0.02), (288, 0.01), (432, 0.007)])
  func longerColumnsTakeSmallerSteps(output: Int, best: Double) {
    var options = TuningOptions()
    options.setStandardRate(outputDirections: output, besideResidual: false, knowsStart: true)
    #expect(abs(options.learningRate / best - 1) < 0.1)
    #expect(options.nearStart == TuningOptions.NearStart(fullRateLoss: 0.5, leastShare: 0.1))
  }

  /// Pairs have a rate of their own; without a start to go by the careful one.
  @Test func pairsGoByTheirStart() {
    var options = TuningOptions()
    options.setStandardRate(outputDirections: 400, besideResidual: true, knowsStart: true)
    #expect(options.learningRate == 0.015)
    #expect(options.nearStart == TuningOptions.NearStart(fullRateLoss: 0.06, leastShare: 0.3))
    options.setStandardRate(outputDirections: 400, besideResidual: true, knowsStart: false)
    #expect(abs(options.learningRate - 0.0045) < 1e-12 && options.nearStart == nil)
  }

  @Test func splitHoldsOutWithoutOverlap() {
    let examples = (0..<100).map { TokenizedExample(prompt: [Int32($0)], completion: [1]) }
    let split = TuningData.split(examples, fraction: 0.2, limit: 256, seed: 3)
    #expect(split.validation.count == 20)
    #expect(split.training.count == 80)
    let prompts = Set(split.training.map(\.prompt)).intersection(split.validation.map(\.prompt))
    #expect(prompts.isEmpty)
    #expect(TuningData.split(examples, fraction: 0.2, limit: 5, seed: 3).validation.count == 5)
    #expect(TuningData.split(examples, fraction: 0, limit: 256, seed: 3).validation.isEmpty)
  }
}
