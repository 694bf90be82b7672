import Evaluation
import Tensors
import Testing

@Suite struct StatisticsTests {
  /// Values from statsmodels 0.14 `proportion_confint(k, n, method="wilson")`.
  @Test(arguments: [
    (447, 500, 0.8639, 0.9180), (0, 500, 0.0, 0.0076), (500, 500, 0.9924, 1.0),
    (1, 2, 0.0945, 0.9055), (98, 500, 0.1636, 0.2330),
  ])
  func wilson(successes: Int, count: Int, low: Double, high: Double) throws {
    let interval = try #require(WilsonInterval.interval95(successes: successes, count: count))
    #expect(abs(interval.lowerBound - low) < 5e-4)
    #expect(abs(interval.upperBound - high) < 5e-4)
  }

  @Test(arguments: [(0, 0), (3, 2), (-1, 2)])
  func wilsonRefusesNonsense(successes: Int, count: Int) {
    #expect(WilsonInterval.interval95(successes: successes, count: count) == nil)
  }

  @Test(arguments: 1...60)
  func wilsonHoldsTheRateAndMirrors(count: Int) throws {
    for successes in 0...count {
      let one = try #require(WilsonInterval.interval95(successes: successes, count: count))
      let other = try #require(
        WilsonInterval.interval95(successes: count - successes, count: count))
      #expect(one.contains(Double(successes) / Double(count)))
      #expect(abs(one.lowerBound - (1 - other.upperBound)) < 1e-12)
    }
  }

  /// 2·binom.cdf(min, n, 0.5) by exact integer arithmetic.
  @Test(arguments: 0...30)
  func mcnemarEqualsIntegerArithmetic(count: Int) {
    for onlyFirst in 0...count {
      let smaller = min(onlyFirst, count - onlyFirst)
      var sum = 0
      var choose = 1
      for k in 0...smaller {
        sum += choose
        choose = choose * (count - k) / (k + 1)
      }
      let expected = min(1, 2 * Double(sum) / Double(1 << count))
      let found = McNemarTest.exactP(onlyFirst: onlyFirst, onlySecond: count - onlyFirst)
      #expect(abs(found - expected) <= 1e-12 * expected)
    }
  }

  @Test func mcnemarKnownValues() {
    // SciPy: binomtest(10, 40).pvalue, binomtest(1000, 2200).pvalue
    #expect(abs(McNemarTest.exactP(onlyFirst: 10, onlySecond: 30) - 0.002221433) < 1e-8)
    let large = McNemarTest.exactP(onlyFirst: 1000, onlySecond: 1200)
    #expect(large > 2.1e-5 && large < 2.3e-5)
    #expect(McNemarTest.exactP([true, true, false], [true, false, true]) == 1)
    #expect(McNemarTest.exactP([true], [true, false]) == nil)
  }

  @Test func bootstrapIsSeededAndCoversTheNormalInterval() throws {
    var generator = SeededGenerator(seed: 7)
    let differences = generator.normals(400).map { $0 + 0.3 }
    let mean = differences.reduce(0, +) / 400
    let bootstrap = PairedBootstrap(resamples: 4_000, seed: 1)
    let interval = try #require(bootstrap.meanInterval95(differences))
    #expect(interval.contains(mean))
    // For a mean of 400 unit normals the half width is about 1.96/20.
    #expect(abs((interval.upperBound - interval.lowerBound) / 2 - 0.098) < 0.012)
    #expect(bootstrap.meanInterval95(differences) == interval)
    #expect(PairedBootstrap(resamples: 4_000, seed: 2).meanInterval95(differences) != interval)
  }

  @Test func bootstrapWeighsTokens() throws {
    // Every example's ratio is 2, so every resample's is.
    let interval = try #require(
      PairedBootstrap().ratioInterval95(numerators: [2, 8, 20], denominators: [1, 4, 10]))
    #expect(interval == 2...2)
  }

  private func scores(_ sums: [Double], _ tokens: [Int]) -> [ExampleScore] {
    zip(sums, tokens).map {
      ExampleScore(isCorrect: true, negativeLogLikelihood: $0, tokenCount: $1)
    }
  }

  /// One long completion decides the figure; a mean of examples' means would have the other sign.
  @Test func nllIntervalIsOfTheFigureBesideIt() throws {
    let tokens = (0..<200).map { $0 % 2 == 0 ? 1 : 50 }
    let first = scores(tokens.map { 1.0 * Double($0) }, tokens)
    let second = scores(tokens.map { $0 == 1 ? 1.5 : 0.9 * Double($0) }, tokens)
    let figure =
      VariantScores(examples: second, seconds: 0).negativeLogLikelihood
      - VariantScores(examples: first, seconds: 0).negativeLogLikelihood
    let found = try #require(PairedBootstrap().tokenMeanDifference(first, second))
    #expect(figure < 0 && found.interval95.contains(figure) && found.interval95.upperBound < 0)
    #expect(found.p < 0.01)
    let turned = try #require(PairedBootstrap().tokenMeanDifference(second, first))
    #expect(abs(turned.interval95.lowerBound + found.interval95.upperBound) < 1e-12)
    #expect(turned.p == found.p)
    let none = try #require(PairedBootstrap().tokenMeanDifference(first, first))
    #expect(none.p == 1 && none.interval95 == 0...0)
    #expect(PairedBootstrap().tokenMeanDifference(first, scores([1], [2])) == nil)
  }

  /// A normal difference of two standard errors has p = 0.0455.
  @Test func nllPAgreesWithTheNormalOne() throws {
    var generator = SeededGenerator(seed: 11)
    var values = generator.normals(400)
    let mean = values.reduce(0, +) / 400
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 399).squareRoot()
    values = values.map { ($0 - mean) / deviation + 0.1 }
    let ones = [Int](repeating: 1, count: 400)
    let found = try #require(
      PairedBootstrap(resamples: 20_000, seed: 3).tokenMeanDifference(
        scores([Double](repeating: 0, count: 400), ones), scores(values, ones)))
    #expect(abs(found.p - 0.0455) < 0.01)
  }

  @Test func bootstrapRefusesNonsense() {
    #expect(PairedBootstrap().meanInterval95([]) == nil)
    #expect(PairedBootstrap().ratioInterval95(numerators: [1], denominators: [1, 2]) == nil)
    #expect(PairedBootstrap().ratioInterval95(numerators: [1, 1], denominators: [0, 0]) == nil)
    #expect(PairedBootstrap().accuracyInterval95([true], []) == nil)
  }

  @Test func bootstrapOfAccuracyHasTheRightSign() throws {
    let first = (0..<100).map { $0 < 50 }
    let second = (0..<100).map { $0 < 80 }
    let interval = try #require(PairedBootstrap().accuracyInterval95(first, second))
    #expect(interval.lowerBound > 0.15 && interval.upperBound < 0.45)
  }

  @Test func retainedGain() throws {
    let base = (0..<100).map { $0 < 20 }
    let teacher = (0..<100).map { $0 < 90 }
    let variant = (0..<100).map { $0 < 83 }
    let gain = try #require(RetainedGain(base: base, teacher: teacher, variant: variant))
    #expect(abs(gain.value - 0.9) < 1e-12)
    let interval = try #require(gain.interval95)
    #expect(interval.contains(0.9) && interval.upperBound <= 1)
    #expect(RetainedGain(base: teacher, teacher: teacher, variant: variant) == nil)
    #expect(RetainedGain(base: [], teacher: [], variant: []) == nil)
  }
}
