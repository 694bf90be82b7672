/// Token sequences of unequal length, packed one after another without padding, and the positions whose
/// prediction is wanted.
///
/// `N` tokens in all. A loss position is the packed index of a token whose *next* token is predicted;
/// `targets` holds that next token, or the class of the whole sequence. Only these positions pass through the output head.
public struct TokenBatch: Sendable, Hashable {
  /// All tokens, sequence after sequence, `[N]`.
  public private(set) var tokens: [Int32] = []
  /// The range of each sequence in ``tokens``.
  public private(set) var sequences: [Range<Int>] = []
  /// The kind of text of every token, `[N]`; empty where all are of the first.
  public private(set) var types: [Int32] = []
  /// The image that each sequence is of, whose positions have no tokens; empty for texts.
  public private(set) var images: [ImageReference] = []
  /// Packed indices of the positions that predict, `[P]`.
  public private(set) var lossPositions: [Int] = []
  /// The tokens or classes to predict there, `[P]`.
  public private(set) var targets: [Int32] = []
  /// The numbers to predict there, `[P]`; empty where classes or tokens are.
  public private(set) var values: [Float] = []
  /// The range of each sequence's loss positions in ``lossPositions``; of one with branches, of each of these.
  public private(set) var lossRanges: [Range<Int>] = []
  /// Parts of a sequence that see what stands before the first of them and themselves, by its place in ``sequences``.
  ///
  /// Ranges within it, the one behind the other; none for most.
  private(set) var branches: [Int: [Range<Int>]] = [:]

  /// An empty batch.
  public init() {}

  /// Appends one example, `prompt` then `completion`.
  ///
  /// Every completion token is predicted from all tokens before it. The last completion token is a target only and is not fed.
  ///
  /// An empty prompt leaves the first completion token without a predictor; it is fed and not scored.
  public mutating func append(prompt: [Int32], completion: [Int32]) {
    let start = tokens.count
    let firstLoss = lossPositions.count
    tokens += prompt
    tokens += completion.dropLast()
    for (index, token) in completion.enumerated() where prompt.count + index > 0 {
      lossPositions.append(start + prompt.count + index - 1)
      targets.append(token)
    }
    sequences.append(start..<tokens.count)
    lossRanges.append(firstLoss..<lossPositions.count)
  }

  /// Appends a prompt, once, with several completions of it; see ``append(shared:continuations:)``.
  public mutating func append(prompt: [Int32], completions: [[Int32]]) {
    append(shared: prompt, continuations: completions.map { Continuation(completion: $0) })
  }

  /// What goes on behind a beginning that others share.
  public struct Continuation: Sendable, Hashable {
    /// The rest of the prompt, which nothing is predicted in.
    public var prompt: [Int32] = []
    /// What is predicted.
    public var completion: [Int32]

    /// The rest of a prompt, if there is any, and a completion.
    public init(prompt: [Int32] = [], completion: [Int32]) {
      (self.prompt, self.completion) = (prompt, completion)
    }
  }

  /// Appends the beginning of several sequences, once, with what each goes on with.
  ///
  /// Each continuation sees the beginning and itself alone, as if it stood behind the beginning by itself, and has a range in
  /// ``lossRanges``. For forward passes of decoders. The beginning is not empty.
  public mutating func append(shared beginning: [Int32], continuations: [Continuation]) {
    precondition(!beginning.isEmpty, "nothing predicts the first token")
    let start = tokens.count
    var parts: [Range<Int>] = []
    tokens += beginning
    let last = tokens.count - 1
    for continuation in continuations {
      let (own, firstLoss) = (tokens.count, lossPositions.count)
      let completion = continuation.completion
      let first = own + continuation.prompt.count - 1
      lossPositions += completion.indices.map { first + $0 < own ? last : first + $0 }
      targets += completion
      tokens += continuation.prompt + completion.dropLast()
      parts.append(own - start..<tokens.count - start)
      lossRanges.append(firstLoss..<lossPositions.count)
    }
    branches[sequences.count] = parts
    sequences.append(start..<tokens.count)
  }

  /// Appends a whole text, of which the state at `position` answers: with class `target`, or with `value`.
  ///
  /// - Parameters:
  ///   - types: The kind of text of each token; none for the first of all.
  ///   - image: What the positions are of where there are no tokens; `sequence` has a number for each.
  public mutating func append(
    whole sequence: [Int32], types kinds: [Int32] = [], image: ImageReference? = nil,
    position: Int, target: Int32, value: Float? = nil
  ) {
    if let image { images.append(image) }
    let start = tokens.count
    let firstLoss = lossPositions.count
    tokens += sequence
    if kinds.contains(where: { $0 != 0 }) || !types.isEmpty {
      types += repeatElement(0, count: start - types.count)
      types += kinds.isEmpty ? [Int32](repeating: 0, count: sequence.count) : kinds
    }
    lossPositions.append(start + position)
    targets.append(target)
    if let value { values.append(value) }
    sequences.append(start..<tokens.count)
    lossRanges.append(firstLoss..<lossPositions.count)
  }

  /// Appends a sequence all of whose positions are wanted, for reading hidden states and logits; targets are
  /// the following tokens, and 0 at the end.
  public mutating func append(all sequence: [Int32]) {
    let start = tokens.count
    let firstLoss = lossPositions.count
    tokens += sequence
    lossPositions += start..<tokens.count
    targets += sequence.dropFirst() + [0]
    sequences.append(start..<tokens.count)
    lossRanges.append(firstLoss..<lossPositions.count)
  }

  /// One more than the last position of any sequence.
  public var longestSequence: Int {
    sequences.indices.map { place in
      guard let parts = branches[place] else { return sequences[place].count }
      return (parts.first?.lowerBound ?? 0) + (parts.map(\.count).max() ?? 0)
    }.max() ?? 0
  }

  /// The position of every token inside its sequence, `[N]`; branches go on where what they share ends.
  var positionOfToken: [Int] {
    sequences.indices.flatMap { place -> [Int] in
      guard let parts = branches[place], let shared = parts.first?.lowerBound else {
        return Array(0..<sequences[place].count)
      }
      return Array(0..<shared) + parts.flatMap { shared..<shared + $0.count }
    }
  }
}
