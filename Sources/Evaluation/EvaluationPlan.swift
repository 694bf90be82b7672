import Models

/// Examples packed into batches once, so that every variant sees the same tokens in the same company and a
/// teacher's hidden states line up with a student's.
public struct EvaluationPlan: Sendable {
  /// One batch and what its sequences mean.
  struct Batch: Sendable {
    var tokens = TokenBatch()
    var items: [Item] = []
  }

  /// One example inside a batch.
  struct Item: Sendable {
    let example: Int
    /// The right completion, by its place among the batch's loss ranges.
    let target: Int
    /// How choices are scored.
    let choices: Choices
  }

  enum Choices: Sendable {
    case none
    /// All choices are one token: one forward pass of the prompt scores them all.
    case tokens([Int32])
    /// A loss range each, behind the prompt that they share or behind one of their own.
    case ranges([Int])
  }

  let batches: [Batch]
  /// The examples, in order.
  public let examples: [TokenizedExample]
  /// Whether what the prompts of several examples begin with is run once for them.
  package let sharesBeginnings: Bool

  /// Packs `examples` in order into batches of about `tokenBudget` tokens; what the prompts of several begin with is run once where that
  /// saves work, as before solved examples that all of them show.
  public init(examples: [TokenizedExample], tokenBudget: Int = 1024) {
    self.examples = examples
    var batches: [Batch] = []
    var batch = Batch()
    var (index, sharesBeginnings) = (0, false)
    while index < examples.count {
      let shared = SharedBeginning(from: index, limit: tokenBudget) {
        $0 < examples.count ? examples[$0].sharedPrompt : nil
      }
      if let shared {
        EvaluationPlan.append(shared, of: examples, to: &batch)
        sharesBeginnings = true
      } else {
        EvaluationPlan.append(examples[index], index: index, to: &batch)
      }
      index = shared?.places.upperBound ?? index + 1
      if batch.tokens.tokens.count >= tokenBudget {
        batches.append(batch)
        batch = Batch()
      }
    }
    if !batch.items.isEmpty { batches.append(batch) }
    self.batches = batches
    self.sharesBeginnings = sharesBeginnings
  }

  /// Labels that examples can have at most.
  private static let mostLabels = 256

  /// Examples as a classifier's: which label each one's choices are, and how many labels there are.
  public struct Labels: Sendable {
    /// Of each example the label of every choice.
    public let ofChoices: [[Int]]
    /// How many labels there are.
    public let count: Int
  }

  /// What the examples have to be classified as; nil unless all of them choose among the same texts, in whatever order.
  public var labels: Labels? {
    guard let first = examples.first?.choices, Set(first).count == first.count,
      (2...EvaluationPlan.mostLabels).contains(first.count)
    else { return nil }
    var numbers: [[Int32]: Int] = [:]
    for (number, choice) in first.enumerated() { numbers[choice] = number }
    var ofChoices: [[Int]] = []
    for example in examples {
      let labels = example.choices.compactMap { numbers[$0] }
      guard labels.count == example.choices.count, Set(labels).count == first.count else {
        return nil
      }
      ofChoices.append(labels)
    }
    return Labels(ofChoices: ofChoices, count: first.count)
  }

  private static func append(_ example: TokenizedExample, index: Int, to batch: inout Batch) {
    let first = batch.tokens.lossRanges.count
    if !example.hasLongChoices {
      batch.tokens.append(example)
    } else if example.sharedPrompt?.isSharedByItsOwn == true {
      batch.tokens.append(prompt: example.prompt, completions: example.choices)
    } else {
      for choice in example.choices {
        batch.tokens.append(prompt: example.prompt, completion: choice)
      }
    }
    batch.items.append(item(example, index: index, firstRange: first))
  }

  private static func append(
    _ shared: SharedBeginning, of examples: [TokenizedExample], to batch: inout Batch
  ) {
    var continuations: [TokenBatch.Continuation] = []
    for index in shared.places {
      let example = examples[index]
      let first = batch.tokens.lossRanges.count + continuations.count
      let rest = Array(example.prompt.dropFirst(shared.length))
      continuations += (example.hasLongChoices ? example.choices : [example.completion]).map {
        TokenBatch.Continuation(prompt: rest, completion: $0)
      }
      batch.items.append(item(example, index: index, firstRange: first))
    }
    let beginning = Array(examples[shared.places.lowerBound].prompt.prefix(shared.length))
    batch.tokens.append(shared: beginning, continuations: continuations)
  }

  private static func item(_ example: TokenizedExample, index: Int, firstRange first: Int) -> Item {
    guard example.hasLongChoices else {
      return Item(
        example: index, target: first,
        choices: example.choices.isEmpty ? .none : .tokens(example.choices.map { $0[0] }))
    }
    let ranges = Array(first..<first + example.choices.count)
    return Item(example: index, target: ranges[example.answer], choices: .ranges(ranges))
  }

  /// Tokens of each batch that goes through the model at once, and the squares of the lengths of its sequences, summed.
  package var passes: [(tokens: Int, squares: Int)] {
    batches.map { batch in
      (
        batch.tokens.tokens.count,
        batch.tokens.sequences.reduce(0) { $0 + $1.count * $1.count }
      )
    }
  }
}

extension TokenizedExample {
  /// Whether some choice has more than one token, so that each is a sequence of its own.
  fileprivate var hasLongChoices: Bool { !choices.allSatisfy { $0.count == 1 } }

  /// The prompt as one that may begin as others do; nil of a whole text.
  fileprivate var sharedPrompt: SharedBeginning.Prompt? {
    guard whole == nil else { return nil }
    let completions = hasLongChoices ? choices : [completion]
    return SharedBeginning.Prompt(prompt, continuations: completions.map { max($0.count - 1, 0) })
  }
}
