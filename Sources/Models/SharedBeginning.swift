/// Prompts, one after the other, that begin with the same tokens, which are run once for all of them.
package struct SharedBeginning {
  /// Where the prompts stand.
  package let places: Range<Int>
  /// How many tokens they share.
  package let length: Int

  /// A prompt and how many tokens are fed behind it, of each continuation that it has.
  package struct Prompt {
    let tokens: [Int32]
    let continuations: [Int]

    /// A prompt with its continuations' numbers of tokens.
    package init(_ tokens: [Int32], continuations: [Int]) {
      (self.tokens, self.continuations) = (tokens, continuations)
    }

    /// Whether the prompt with all continuations behind it, each of which sees it and itself, has no more pairs of tokens than the
    /// prompt with each of them: products save the prompts, attention computes the pairs of two continuations in vain.
    package var isSharedByItsOwn: Bool {
      let together = tokens.count + continuations.reduce(0, +)
      let apart = continuations.reduce(0) { $0 + (tokens.count + $1) * (tokens.count + $1) }
      return continuations.count > 1 && !tokens.isEmpty && together * together <= apart
    }

    /// What it takes to run it by itself.
    fileprivate var cost: Double {
      isSharedByItsOwn
        ? SharedBeginning.cost(tokens.count + continuations.reduce(0, +))
        : continuations.reduce(0) { $0 + SharedBeginning.cost(tokens.count + $1) }
    }
  }

  /// Fewer shared tokens than these are run with each prompt.
  private static let leastLength = 16
  /// Pairs of tokens of a sequence, seen by attention, that take as long as all else with one token: six times the width of the
  /// model with products and scores at one rate, which of models from 360 features on is no less than this.
  private static let pairsOfToken = 2048.0

  private static func cost(_ tokens: Int) -> Double {
    Double(tokens) * (Double(tokens) + pairsOfToken)
  }

  /// The prompts from `first` on that are best run together, until `prompt` has no more; nil where the first is best run alone.
  ///
  /// They depend on the prompts alone. None of their passes has more than ``mostTokens(limit:longest:)``.
  package init?(from first: Int, limit: Int, prompt: (_ place: Int) -> Prompt?) {
    guard let start = prompt(first) else { return nil }
    // Tokens with every prompt whole, one for each continuation.
    var tokens = start.continuations.reduce(0) { $0 + start.tokens.count + $1 }
    var sequences = start.continuations.count
    var (apart, best, shared, end) = (start.cost, 1.0, start.tokens.count, first + 1)
    while let next = prompt(end) {
      var length = 0
      for (a, b) in zip(start.tokens.prefix(shared), next.tokens) {
        guard a == b else { break }
        length += 1
      }
      tokens += next.continuations.reduce(0) { $0 + next.tokens.count + $1 }
      sequences += next.continuations.count
      apart += next.cost
      let together = tokens - (sequences - 1) * length
      let ratio = SharedBeginning.cost(together) / apart
      guard length >= SharedBeginning.leastLength, ratio < best,
        together <= SharedBeginning.mostTokens(limit: limit, longest: length)
      else { break }
      (best, shared, end) = (ratio, length, end + 1)
    }
    guard end > first + 1 else { return nil }
    (places, length) = (first..<end, shared)
  }

  /// The most tokens of a pass with a shared beginning: `limit`, or half as much again as the longest beginning.
  package static func mostTokens(limit: Int, longest: Int) -> Int {
    max(limit, longest + longest / 2)
  }
}
