import Checkpoints
import Evaluation
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite struct EvaluatorTests {
  private func model() throws -> DecoderWeights {
    try DecoderWeights(base: BaseCheckpoint.open(Checkout.path("golden/tiny/model")))
  }

  private func examples(_ weights: DecoderWeights) throws -> [TokenizedExample] {
    var generator = SeededGenerator(seed: 9)
    let vocabulary = weights.configuration.vocabularySize
    func tokens(_ count: Int) -> [Int32] {
      (0..<count).map { _ in Int32(generator.index(below: vocabulary)) }
    }
    let greedy = GreedyDecoder(Decoder(weights: weights, threads: 1))
    return try (0..<12).map { index in
      let prompt = tokens(2 + index)
      // Every other completion is what greedy decoding gives, so that both outcomes occur.
      let completion = index % 2 == 0 ? try greedy.complete(prompt: prompt, limit: 3) : tokens(3)
      return TokenizedExample(prompt: prompt, completion: completion)
    }
  }

  @Test func exactMatchIsWhatGreedyDecodingGives() throws {
    let weights = try model()
    let examples = try examples(weights)
    let greedy = GreedyDecoder(Decoder(weights: weights, threads: 1))
    let expected = try examples.map {
      try greedy.complete(prompt: $0.prompt, limit: $0.completion.count) == $0.completion
    }
    let plan = EvaluationPlan(examples: examples, tokenBudget: 20)
    let found = try Evaluator(plan: plan).evaluate(DecoderPool(weights: weights, threads: 2)).scores
    #expect(found.examples.map(\.isCorrect) == expected)
    #expect(expected.contains(true) && expected.contains(false))
  }

  @Test func aVariantAgreesWithItselfAsTeacher() throws {
    let weights = try model()
    let evaluator = Evaluator(plan: EvaluationPlan(examples: try examples(weights)))
    let pool = DecoderPool(weights: weights, threads: 2)
    let first = try evaluator.evaluate(pool)
    let second = try evaluator.evaluate(pool, teacher: first.hidden).scores
    #expect(abs(second.divergence ?? 1) < 1e-6)
    #expect(second.agreement == 1)
    #expect(first.scores.divergence == nil)
  }

  @Test func oneTokenChoicesScoreAsSeparateSequencesDo() throws {
    let weights = try model()
    let choices: [[Int32]] = [[3], [17], [40], [5]]
    let single = (0..<6).map { index in
      TokenizedExample(
        prompt: [Int32(index + 1), 8], completion: choices[index % 4], choices: choices,
        answer: index % 4)
    }
    // A second token on one choice forces a sequence each; it is never the answer's own.
    let multiple = single.map { example in
      var copy = example
      copy.choices.append([50, 51])
      return copy
    }
    let pool = DecoderPool(weights: weights, threads: 1)
    let shared = try Evaluator(plan: EvaluationPlan(examples: single)).evaluate(pool).scores
    let separate = try Evaluator(plan: EvaluationPlan(examples: multiple)).evaluate(pool).scores
    for (a, b) in zip(shared.examples, separate.examples) {
      #expect(abs(a.negativeLogLikelihood - b.negativeLogLikelihood) < 1e-5)
      #expect(a.tokenCount == 1 && b.tokenCount == 1)
      if b.isCorrect { #expect(a.isCorrect) }
    }
  }

  /// One token each, scored by candidate logits, and several, scored by a sequence each.
  @Test(
    arguments: [[[3], [17], [40], [5]], [[3, 9], [17], [40, 2, 30], [5, 5]]] as [[[Int32]]])
  func choiceLossIsTheSoftmaxOfSummedLikelihoods(choices: [[Int32]]) throws {
    let pool = DecoderPool(weights: try model(), threads: 1)
    let prompts: [[Int32]] = (0..<5).map { [Int32($0 + 1), 8] }
    let examples = prompts.enumerated().map { index, prompt in
      TokenizedExample(
        prompt: prompt, completion: choices[index % 4], choices: choices, answer: index % 4)
    }
    let scores = try Evaluator(plan: EvaluationPlan(examples: examples)).evaluate(pool).scores
    // The reference: every choice alone, as the completion of its own example.
    let apart = prompts.flatMap { prompt in
      choices.map { TokenizedExample(prompt: prompt, completion: $0) }
    }
    let alone = try Evaluator(plan: EvaluationPlan(examples: apart)).evaluate(pool).scores
    #expect(alone.choiceNegativeLogLikelihood == nil)
    var total = 0.0
    for (index, example) in scores.examples.enumerated() {
      let likelihoods = alone.examples[index * 4..<index * 4 + 4].map {
        exp(-$0.negativeLogLikelihood)
      }
      let expected = -log(likelihoods[index % 4] / likelihoods.reduce(0, +))
      let found = try #require(example.choiceNegativeLogLikelihood)
      #expect(abs(found - expected) < 1e-4)
      total += expected
    }
    let mean = try #require(scores.choiceNegativeLogLikelihood)
    #expect(abs(mean - total / 5) < 1e-4)
  }
}
