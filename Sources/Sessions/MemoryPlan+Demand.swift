package import Evaluation
import Models
import Training

extension MemoryPlan.Demand {
  /// Examples of a batch that is run in one piece, or whose second moments are summed together.
  private static let batchSize = 16
  /// Tokens of a batch that is measured, about.
  private static let batchTokens = 1024

  /// Takes in forward passes of `examples`, in batches of whole examples, and the writing of answers they ask for.
  package mutating func add(forward examples: [TokenizedExample]) {
    add(imagesOf: examples)
    let lengths = examples.map(\.tokensOfChoices)
    let all = lengths.reduce(0) { $1.reduce($0, +) }
    let one = lengths.map { $0.reduce(0, +) }.max() ?? 0
    let longest = lengths.flatMap(\.self).max() ?? 0
    let batch = min(all, MemoryPlan.Demand.batchTokens + one)
    forward = forward.union(Part(tokens: batch, longest: longest))
    cachedTokens = max(cachedTokens, AnswerWriter.cachedTokens(examples))
    // What prompts share stands before several of them at once.
    let plan = EvaluationPlan(examples: examples)
    guard plan.sharesBeginnings else { return }
    for pass in plan.passes {
      forward = forward.union(Part(tokens: pass.tokens, squares: pass.squares))
    }
    guard cachedTokens > 0 else { return }
    let most = SharedBeginning.mostTokens(
      limit: MemoryPlan.Demand.batchTokens, longest: examples.map(\.prompt.count).max() ?? 0)
    let tokens = MemoryPlan.Demand.batchTokens + most
    forward = forward.union(Part(tokens: tokens, longest: most))
  }

  /// Takes in passes there and back of `examples`; `together` where those of a batch belong together.
  package mutating func add(recorded examples: [TokenizedExample], together: Bool) {
    add(imagesOf: examples)
    let longest = examples.map(\.tokenCount).max() ?? 0
    let part = [TokenizedExample].mostMicroBatchTokens + longest
    recorded = recorded.union(Part(tokens: part, longest: longest))
    togetherTokens = max(togetherTokens, part)
    guard together else { return }
    for batch in MemoryPlan.Demand.batches(examples) {
      togetherTokens = max(togetherTokens, batch.reduce(0) { $0 + $1.tokenCount })
    }
  }

  /// Takes in a teacher's states of `examples`, of which `count` are asked for at most.
  package mutating func add(
    statesOf examples: [TokenizedExample], count: Int = .max, hiddenSize: Int
  ) {
    let longest = examples.map(\.completion.count).max() ?? 0
    let all = examples.reduce(0) { $0 + $1.completion.count }
    let (asked, overflows) = count.multipliedReportingOverflow(by: longest)
    let positions = overflows ? all : min(all, asked)
    let (bytes, isMore) = positions.multipliedReportingOverflow(
      by: hiddenSize * MemoryLayout<Float>.size)
    stateBytes += isMore ? TeacherStates.mostBytes : min(bytes, TeacherStates.mostBytes)
  }

  /// Takes in the files of images that rows are of, which stay in memory.
  private mutating func add(imagesOf examples: [TokenizedExample]) {
    for example in examples {
      guard let array = example.whole?.image?.array else { continue }
      images[array.identity] = array.byteCount
    }
  }

  private static func batches(_ examples: [TokenizedExample]) -> [ArraySlice<TokenizedExample>] {
    stride(from: 0, to: examples.count, by: batchSize).map {
      examples[$0..<min($0 + batchSize, examples.count)]
    }
  }
}

extension TokenizedExample {
  /// Tokens fed for each choice, or for the completion.
  fileprivate var tokensOfChoices: [Int] {
    // One pass answers for all choices of one token, and for all classes.
    whole != nil || choices.allSatisfy { $0.count == 1 }
      ? [tokenCount] : choices.map { prompt.count + max($0.count - 1, 0) }
  }
}
