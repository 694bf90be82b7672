import Evaluation
import Testing

/// Correlations as SciPy 1.17 computes them (`pearsonr`, `spearmanr`).
@Suite struct CorrelationScoresTests {
  @Test func figuresAreSciPys() throws {
    let right = [3.5, 0.25, 1, 2.5, 5, 4, 4]
    let given = [2.75, 0.5, 1.5, 1.25, 4.5, 4.75, 3]
    let scores = try #require(CorrelationScores(right: right, given: given))
    #expect(abs(scores.pearson - 0.8930554717556651) < 1e-12)
    #expect(abs(scores.spearman - 0.900937462695559) < 1e-12)
    let interval = try #require(scores.pearsonInterval95)
    #expect(interval.contains(scores.pearson) && interval.lowerBound < interval.upperBound)
  }

  @Test func differencesArePaired() throws {
    let right = [3.5, 0.25, 1, 2.5, 5, 4, 4]
    let first = try #require(
      CorrelationScores(right: right, given: [2.75, 0.5, 1.5, 1.25, 4.5, 4.75, 3]))
    let second = try #require(CorrelationScores(right: right, given: right.map { 2 * $0 + 1 }))
    let found = first.differences(to: second)
    #expect(found.pearson.value == second.pearson - first.pearson && found.spearman.value > 0)
    let interval = try #require(found.pearson.interval95)
    #expect(interval.contains(found.pearson.value) && interval.lowerBound >= -1e-12)
    #expect(second.differences(to: second).pearson.interval95 == 0...0)
  }

  @Test func edges() throws {
    #expect(CorrelationScores(right: [], given: []) == nil)
    #expect(CorrelationScores(right: [1], given: [1, 2]) == nil)
    let flat = try #require(CorrelationScores(right: [1, 2, 3], given: [5, 5, 5]))
    #expect(flat.pearson == 0 && flat.spearman == 0)
    let turned = try #require(CorrelationScores(right: [1, 2, 3], given: [9, 4, 1]))
    #expect(turned.spearman == -1 && turned.pearson < -0.9)
  }
}
