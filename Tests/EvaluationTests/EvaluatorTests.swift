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

  /// Solved examples before every prompt are run once, and scores are those of each prompt by itself.
  @Test func sharedBeginningsScoreAsWholePromptsDo() throws {
    let weights = try model()
    let pool = DecoderPool(weights: weights, threads: 2)
    var generator = SeededGenerator(seed: 5, stream: 1)
    func tokens(_ count: Int) -> [Int32] {
      (0..<count).map { _ in Int32(generator.index(below: 64)) }
    }
    let shown = tokens(24)
    let examples = (0..<9).map { index in
      let prompt = (index == 4 ? tokens(24) : shown) + tokens(index % 3)
      switch index % 3 {
      case 0: return TokenizedExample(prompt: prompt, completion: tokens(3))
      case 1:
        return TokenizedExample(
          prompt: prompt, completion: [7], choices: [[7], [9], [30]], answer: 0)
      default:
        let choices = [tokens(2), tokens(1), tokens(4)]
        return TokenizedExample(
          prompt: prompt, completion: choices[2], choices: choices, answer: 2)
      }
    }
    let plan = EvaluationPlan(examples: examples)
    #expect(plan.sharesBeginnings && plan.passes.count == 1)
    let alone = examples.map { EvaluationPlan(examples: [$0]) }
    #expect(alone.allSatisfy { !$0.sharesBeginnings })
    #expect(plan.passes[0].tokens < alone.reduce(0) { $0 + $1.passes[0].tokens } / 2)
    let found = try Evaluator(plan: plan).evaluate(pool)
    for (index, plan) in alone.enumerated() {
      let wanted = try Evaluator(plan: plan).evaluate(pool).scores.examples[0]
      let score = found.scores.examples[index]
      #expect(abs(score.negativeLogLikelihood - wanted.negativeLogLikelihood) < 1e-4, "\(index)")
      #expect(score.tokenCount == wanted.tokenCount && score.chosen == wanted.chosen)
      #expect(score.isCorrect == wanted.isCorrect)
      if let nll = wanted.choiceNegativeLogLikelihood {
        #expect(abs((score.choiceNegativeLogLikelihood ?? 0) - nll) < 1e-4)
      }
    }
    // Beginnings of a few tokens are not worth it, and texts of a head have none.
    #expect(!EvaluationPlan(examples: try self.examples(weights)).sharesBeginnings)
    var whole = examples[0]
    whole.whole = TokenizedExample.WholeText(position: 0)
    #expect(!EvaluationPlan(examples: [whole, whole]).sharesBeginnings)
  }

  /// What shares a beginning is no longer than a batch, or half as long again as what is shared.
  @Test func passesWithSharedBeginningsAreBounded() throws {
    for length in [40, 400] {
      let examples = (0..<60).map { index in
        TokenizedExample(
          prompt: [Int32](repeating: 3, count: length) + [Int32(index), 5, 6, 7, 8, 9],
          completion: [1])
      }
      let plan = EvaluationPlan(examples: examples, tokenBudget: 128)
      #expect(plan.sharesBeginnings)
      let most = SharedBeginning.mostTokens(limit: 128, longest: length)
      #expect(plan.passes.allSatisfy { $0.tokens < 128 + most })
      #expect(plan.passes.allSatisfy { $0.squares <= (128 + most) * most })
      #expect(plan.passes.reduce(0) { $0 + $1.tokens } < 60 * length / 3)
    }
  }
}
