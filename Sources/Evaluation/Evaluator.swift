public import Faults
import Foundation
public import Models
public import Ranks
public import Tensors
public import Tokenizers

/// Measures one variant after another on the same packed examples.
///
/// A completion is greedily decoded right exactly if, with the true completion fed, every completion token
/// is the most likely one at its position: one forward pass gives likelihood and exact match at once, and
/// the decoder with a cache gives the same answer token by token.
public struct Evaluator: Sendable {
  /// The examples.
  public let plan: EvaluationPlan
  private let ranks: Ranks
  private let writer: AnswerWriter?

  /// An evaluator over `plan`, whose batches `ranks` share.
  ///
  /// - Parameter tokenizer: Has answers written where examples ask for it; nil takes their completions as they are.
  public init(plan: EvaluationPlan, ranks: Ranks = .one, tokenizer: Tokenizer? = nil) {
    self.plan = plan
    self.ranks = ranks
    writer = tokenizer.map { AnswerWriter(plan.examples, tokenizer: $0) }
  }

  /// What `progress` counts to: every example, and every written answer once more.
  public var workCount: Int { plan.examples.count + (writer?.count ?? 0) }

  /// Final hidden states at the loss positions, batch by batch: a teacher in `d` numbers a position.
  ///
  /// Those of batches that another rank does are empty.
  public typealias HiddenStates = [Matrix<Float>]

  /// Scores a variant; `teacher` are the hidden states an earlier call returned for the teacher, and
  /// `teacherWeights` its weights where its head is not the variant's.
  ///
  /// - Parameter known: The hidden states that an earlier call returned for this variant: the model is not run again then, but
  ///   where it writes answers.
  /// - Throws: `RUN-STOPPED` where the process is interrupted; what reading streamed weights throws.
  public func evaluate(
    _ pool: DecoderPool, teacher: HiddenStates? = nil, teacherWeights: DecoderWeights? = nil,
    known: HiddenStates? = nil, progress: @escaping (Int, Int) -> Void = { _, _ in }
  ) throws(Fault) -> (scores: VariantScores, hidden: HiddenStates) {
    let start = Date()
    let counter = ProgressCounter { progress($0, workCount) }
    var states = HiddenStates(repeating: Matrix(rows: 0, columns: 0), count: plan.batches.count)
    let scores = try ranks.share(plan.batches.count) { (mine) throws(Fault) in
      let measure = { @Sendable (place: Int, decoder: Decoder, hidden: Matrix<Float>) in
        let batch = plan.batches[mine[place]]
        let scores = decoder.head.scores(
          hidden, targets: batch.tokens.targets, values: batch.tokens.values,
          teacher: teacher?[mine[place]], teacherWeights: teacherWeights)
        let examples = batch.items.map {
          score($0, batch: batch.tokens, hidden: hidden, scores: scores, decoder.head)
        }
        counter.add(examples.count)
        return (examples: examples, hidden: hidden)
      }
      let parts =
        if let known {
          try pool.map(mine.count) { measure($0, $1, known[mine[$0]]) }
        } else {
          try pool.forward(mine.map { plan.batches[$0].tokens }, measure)
        }
      for (index, part) in zip(mine, parts) { states[index] = part.hidden }
      return parts.map(\.examples)
    }
    var examples = scores.flatMap(\.self)
    if let writer {
      for answer in try writer.answers(pool, ranks: ranks, done: { counter.add($0) }) {
        examples[answer.index].isCorrect = answer.isRight
      }
    }
    let seconds = Date().timeIntervalSince(start)
    return (VariantScores(examples: examples, seconds: seconds), states)
  }

  private func score(
    _ item: EvaluationPlan.Item, batch: TokenBatch, hidden: Matrix<Float>,
    scores: OutputHead.Scores, _ head: OutputHead
  ) -> ExampleScore {
    let range = batch.lossRanges[item.target]
    let divergence =
      scores.divergences.isEmpty ? nil : scores.divergences[range].reduce(0, +)
    let agreements =
      scores.teacherPredictions.isEmpty
      ? nil : range.count { scores.predictions[$0] == scores.teacherPredictions[$0] }
    var result = ExampleScore(
      isCorrect: range.allSatisfy { scores.predictions[$0] == batch.targets[$0] },
      isCorrectPerToken: nil,
      negativeLogLikelihood: scores.negativeLogLikelihoods[range].reduce(0, +),
      tokenCount: range.count, divergence: divergence, agreements: agreements)
    if !scores.numbers.isEmpty {
      result.number = scores.numbers[range.lowerBound]
      result.isCorrect = false
    }
    let answer = plan.examples[item.example].answer
    switch item.choices {
    case .none: break
    case .tokens(let tokens):
      let row = hidden.selectingRows([range.lowerBound])
      let logits = head.candidateLogits(row, candidates: tokens)
      result.chosen = firstMaximum(logits)
      result.isCorrect = result.chosen == answer
      result.isCorrectPerToken = result.isCorrect
      // Log-likelihoods are logits less one normaliser, which the softmax cancels.
      result.choiceNegativeLogLikelihood = negativeLogSoftmax(logits, at: answer)
    case .ranges(let ranges):
      let sums = ranges.map { -scores.negativeLogLikelihoods[batch.lossRanges[$0]].reduce(0, +) }
      let means = zip(sums, ranges).map { $0 / Double(batch.lossRanges[$1].count) }
      result.chosen = firstMaximum(sums)
      result.isCorrect = result.chosen == answer
      result.isCorrectPerToken = firstMaximum(means) == answer
      result.choiceNegativeLogLikelihood = negativeLogSoftmax(sums, at: answer)
    }
    return result
  }

  /// `−ln softmax(values)[index]` = `ln Σ exp(vᵢ) − v[index]`.
  private func negativeLogSoftmax(_ values: [Double], at index: Int) -> Double {
    // Less the largest first: sums of log-likelihoods lie far below what exp can hold.
    let largest = values.max() ?? 0
    let sum = values.reduce(0) { $0 + exp($1 - largest) }
    return largest + log(sum) - values[index]
  }

  /// The index of the largest value, the first on ties.
  private func firstMaximum(_ values: [Double]) -> Int? {
    var best: Int?
    for (index, value) in values.enumerated() where best.map({ value > values[$0] }) ?? true {
      best = index
    }
    return best
  }
}
