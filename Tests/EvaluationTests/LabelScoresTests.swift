import Evaluation
import Testing

/// What a classifier is judged by beside its accuracy.
@Suite struct LabelScoresTests {
  /// Numbers below `limit` that any language makes alike.
  private func numbers(_ count: Int, below limit: Int, seed: Int) -> [Int] {
    var state = seed
    return (0..<count).map { _ in
      state = (state * 1_103_515_245 + 12_345) % (1 << 31)
      return (state >> 16) % limit
    }
  }

  /// Values from scikit-learn 1.9.1, `f1_score(average="macro", zero_division=0)` and `matthews_corrcoef`.
  @Test(arguments: [
    (2, 50, 1, 0.7947454844006567, 0.6002099318605758),
    (3, 60, 2, 0.7444178755513046, 0.6249568162281051),
    (5, 40, 3, 0.6221848739495799, 0.5548601861949806),
    (7, 12, 4, 0.43197278911564624, 0.5000769645198124),
  ])
  func equalsScikitLearn(
    labels: Int, count: Int, seed: Int, macroF1: Double, matthews: Double
  ) throws {
    let right = numbers(count, below: labels, seed: seed)
    let other = numbers(count, below: labels, seed: seed + 200)
    let isHit = numbers(count, below: 5, seed: seed + 100).map { $0 < 3 }
    let given = right.indices.map { isHit[$0] ? right[$0] : other[$0] }
    let scores = try #require(LabelScores(right: right, given: given, labels: labels))
    #expect(abs(scores.macroF1 - macroF1) < 1e-12)
    #expect(abs(scores.matthews - matthews) < 1e-12)
    let (f1, correlation) = (scores.macroF1Interval95, scores.matthewsInterval95)
    #expect(try #require(f1).contains(macroF1) && #require(correlation).contains(matthews))
    #expect(try #require(f1).upperBound - #require(f1).lowerBound > 0.05)
    #expect(LabelScores(right: right, given: given, labels: labels) == scores)
  }

  /// Examples are drawn for both alike: what both get wrong moves no difference of two answers that go wrong together.
  @Test func differencesArePaired() throws {
    let right = numbers(120, below: 3, seed: 5)
    let noise = numbers(120, below: 3, seed: 6)
    func scores(_ changes: (Int) -> Bool) throws -> LabelScores {
      let given = right.indices.map { changes($0) ? noise[$0] : right[$0] }
      return try #require(LabelScores(right: right, given: given, labels: 3))
    }
    let (first, second) = (try scores { $0 % 3 == 0 }, try scores { $0 % 3 == 0 || $0 % 20 == 1 })
    let (there, back) = (first.differences(to: second), second.differences(to: first))
    #expect(there.macroF1.value == second.macroF1 - first.macroF1 && there.macroF1.value < 0)
    #expect(there.matthews.value == -back.matthews.value)
    let (interval, reversed) = (
      try #require(there.macroF1.interval95), try #require(back.macroF1.interval95)
    )
    #expect(interval.contains(there.macroF1.value))
    #expect(abs(interval.lowerBound + reversed.upperBound) < 1e-12)
    let width = { (range: ClosedRange<Double>) in range.upperBound - range.lowerBound }
    #expect(width(interval) < 0.6 * width(try #require(first.macroF1Interval95)))
    #expect(first.differences(to: first).matthews.interval95 == 0...0)
  }

  @Test func constantAndPerfectAnswers() throws {
    let halves = [Int](repeating: 0, count: 5) + [Int](repeating: 1, count: 5)
    let constant = try #require(
      LabelScores(right: [Int](repeating: 0, count: 10), given: halves, labels: 2))
    #expect(abs(constant.macroF1 - 1.0 / 3) < 1e-12 && constant.matthews == 0)
    let perfect = try #require(LabelScores(right: halves, given: halves, labels: 4))
    #expect(perfect.macroF1 == 1 && perfect.matthews == 1)
  }

  @Test func nonsenseHasNoFigures() {
    #expect(LabelScores(right: [], given: [], labels: 2) == nil)
    #expect(LabelScores(right: [0], given: [0, 1], labels: 2) == nil)
    #expect(LabelScores(right: [0], given: [2], labels: 2) == nil)
  }

  /// Labels are told by their texts, in whatever order a row has them.
  @Test func labelsAreTheSameTextsEverywhere() {
    func example(_ choices: [[Int32]], _ answer: Int) -> TokenizedExample {
      TokenizedExample(
        prompt: [1], completion: choices[answer], choices: choices, answer: answer)
    }
    let rows = [example([[3], [4, 5], [6]], 1), example([[6], [3], [4, 5]], 0)]
    let labels = EvaluationPlan(examples: rows).labels
    #expect(labels?.count == 3 && labels?.ofChoices == [[0, 1, 2], [2, 0, 1]])
    for other in [
      example([[3], [4]], 0), example([[3], [4, 5], [7]], 0), example([[3], [3], [6]], 0),
      TokenizedExample(prompt: [1], completion: [3]),
    ] {
      #expect(EvaluationPlan(examples: rows + [other]).labels == nil)
    }
    #expect(EvaluationPlan(examples: [example([[3], [3]], 0)]).labels == nil)
  }
}
