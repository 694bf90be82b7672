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

  /// Packs `examples` in order into batches of about `tokenBudget` tokens.
  public init(examples: [TokenizedExample], tokenBudget: Int = 1024) {
    self.examples = examples
    var batches: [Batch] = []
    var batch = Batch()
    for (index, example) in examples.enumerated() {
      EvaluationPlan.append(example, index: index, to: &batch)
      if batch.tokens.tokens.count >= tokenBudget {
        batches.append(batch)
        batch = Batch()
      }
    }
    if !batch.items.isEmpty { batches.append(batch) }
    self.batches = batches
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
    if example.choices.isEmpty || example.choices.allSatisfy({ $0.count == 1 }) {
      batch.tokens.append(example)
      batch.items.append(
        Item(
          example: index, target: first,
          choices: example.choices.isEmpty ? .none : .tokens(example.choices.map { $0[0] })))
    } else {
      if sharesPrompt(example) {
        batch.tokens.append(prompt: example.prompt, completions: example.choices)
      } else {
        for choice in example.choices {
          batch.tokens.append(prompt: example.prompt, completion: choice)
        }
      }
      let ranges = Array(first..<first + example.choices.count)
      batch.items.append(
        Item(example: index, target: ranges[example.answer], choices: .ranges(ranges)))
    }
  }

  /// Whether the prompt with all choices behind it, each of which sees it and itself, has no more pairs of tokens than the prompt with each
  /// choice: products save the prompts, attention computes the pairs of two choices in vain.
  private static func sharesPrompt(_ example: TokenizedExample) -> Bool {
    let prompt = example.prompt.count
    let rests = example.choices.map { max($0.count - 1, 0) }
    let together = prompt + rests.reduce(0, +)
    let apart = rests.reduce(0) { $0 + (prompt + $1) * (prompt + $1) }
    return prompt > 0 && together * together <= apart
  }
}
