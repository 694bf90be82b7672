import Checkpoints
import Evaluation
import Faults
import JSON
import Models
import Tokenizers

/// `evaluation`: losses, choices and greedy completions of data lines (`formats/golden.md` §4.6).
enum EvaluationCase {
  @Sendable static func measure(_ context: CaseContext) throws(Fault) -> Recomputed {
    let golden = context.golden
    let path = try context.path("base")
    let base = try context.workshop.base(path)
    let decoder = try context.workshop.decoder(
      base: path, adapter: context.optionalPath("adapter"))
    let limit = try golden.parameters["limit"].int(in: 1...1_000_000)
    let examples = try DataSet(path: try context.path("data"), limit: limit).tokenized(
      by: try Tokenizer(base: base), for: base.configuration)
    let plan = EvaluationPlan(examples: examples)
    let pool = DecoderPool(
      weights: decoder.weights, updates: decoder.updates,
      threads: context.workshop.options.threads)
    let evaluator = Evaluator(plan: plan)
    var teacher: Evaluator.HiddenStates?
    if let adapter = context.optionalPath("teacher") {
      let model = try context.workshop.decoder(base: path, adapter: adapter)
      teacher =
        try evaluator.evaluate(
          DecoderPool(
            weights: model.weights, updates: model.updates,
            threads: context.workshop.options.threads)
        ).hidden
    }
    let scores = try evaluator.evaluate(pool, teacher: teacher).scores
    let summary = golden.expected["summary"]
    let tolerance = try golden.tolerance("nll")
    var measurements = [
      Measurement.exact(
        "examples", differences: abs(examples.count - (try summary["n"].int()))),
      Measurement(
        "accuracy", error: abs(scores.accuracy - (try summary["accuracy"].double())),
        tolerance: try golden.tolerance("accuracy", default: 0)),
      Measurement(
        "nll", error: abs(scores.negativeLogLikelihood - (try summary["nll"].double())),
        tolerance: tolerance),
    ]
    if teacher != nil {
      let divergence = abs((scores.divergence ?? .infinity) - (try summary["kl"].double()))
      let agreement = abs((scores.agreement ?? .infinity) - (try summary["agreement"].double()))
      measurements += [
        Measurement("kl", error: divergence, tolerance: try golden.tolerance("kl")),
        Measurement("agreement", error: agreement, tolerance: 1e-12),
      ]
    }
    guard golden.expected["examples"].isPresent else { return .measured(measurements) }
    let rows = try golden.expected["examples"].array()
    guard rows.count == examples.count else {
      throw golden.expected["examples"].fault("\(rows.count) rows for \(examples.count) lines")
    }
    measurements += try perExample(
      rows, examples, scores, decoder, tolerance: tolerance, golden: golden)
    return .measured(measurements)
  }

  private static func perExample(
    _ rows: [JSONField], _ examples: [TokenizedExample], _ scores: VariantScores,
    _ decoder: Decoder, tolerance: Double, golden: GoldenCase
  ) throws(Fault) -> [Measurement] {
    var (wrongTokens, wrongAnswers, wrongGreedy) = (0, 0, 0)
    var (likelihoodError, scoreError) = (0.0, 0.0)
    let head = OutputHead(weights: decoder.weights, threads: decoder.threads)
    let greedy = GreedyDecoder(decoder)
    for (row, (example, score)) in zip(rows, zip(examples, scores.examples)) {
      wrongTokens += score.tokenCount == (try row["tokens"].int()) ? 0 : 1
      wrongAnswers += score.isCorrect == (try row["correct"].bool()) ? 0 : 1
      let difference = abs(score.negativeLogLikelihood - (try row["nll"].double()))
      likelihoodError = worse(likelihoodError, difference / Double(max(score.tokenCount, 1)))
      if row["scores"].isPresent {
        let found = try choiceScores(example, decoder, head)
        let expected = try Numbers.doubles(row["scores"])
        scoreError = worse(scoreError, Comparison.absolute(found, expected))
      }
      if row["greedy"].isPresent {
        let expected = try Numbers.tokens(row["greedy"])
        let found = try greedy.complete(prompt: example.prompt, limit: expected.count)
        wrongGreedy += found == expected ? 0 : 1
      }
    }
    var measurements = [
      Measurement.exact("tokens", differences: wrongTokens),
      Measurement.exact("answers", differences: wrongAnswers),
      Measurement("nll of each", error: likelihoodError, tolerance: tolerance),
    ]
    if rows.contains(where: { $0["scores"].isPresent }) {
      measurements.append(
        Measurement("choices", error: scoreError, tolerance: try golden.tolerance("scores")))
    }
    if rows.contains(where: { $0["greedy"].isPresent }) {
      measurements.append(.exact("greedy", differences: wrongGreedy))
    }
    return measurements
  }

  /// Σ ln p of each choice after the prompt.
  private static func choiceScores(
    _ example: TokenizedExample, _ decoder: Decoder, _ head: OutputHead
  ) throws(Fault) -> [Double] {
    var batch = TokenBatch()
    for choice in example.choices { batch.append(prompt: example.prompt, completion: choice) }
    let scores = head.scores(try decoder.forward(batch), targets: batch.targets)
    return batch.lossRanges.map { -scores.negativeLogLikelihoods[$0].reduce(0, +) }
  }

  private static func worse(_ left: Double, _ right: Double) -> Double {
    right.isNaN ? .infinity : max(left, right)
  }
}
