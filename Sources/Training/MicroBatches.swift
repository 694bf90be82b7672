import Evaluation

extension [TokenizedExample] {
  /// Tokens that one pass of one decoder should carry: with fewer, reading the weights costs more than the arithmetic on
  /// them; with more, what the pass keeps is larger and nothing is quicker.
  private static let microBatchTokens = 128

  /// Tokens of a micro-batch of short examples at most, √2 · 128; one example more where they are long.
  package static var mostMicroBatchTokens: Int {
    Int((2.0.squareRoot() * Double(microBatchTokens)).rounded(.up))
  }

  /// Splits the examples at `indices` into micro-batches, in order: what one decoder takes through the model at once.
  ///
  /// Sums over micro-batches are rounded, and so is a product by the company its rows are in. Where they begin and end
  /// is therefore a function of the examples alone and never of the threads that share them. Their number is the
  /// power of two next to `tokens / 128`, by ratio and but for too few examples, and their tokens about equal, 91 to 181,
  /// which most numbers of threads divide evenly.
  package func microBatches(_ indices: [Int]) -> [[Int]] {
    let total = indices.reduce(0) { $0 + self[$1].tokenCount }
    var count = 1
    // Next by ratio: total / (128 · count) is at most √2.
    while total * total > 2 * (count * Self.microBatchTokens) * (count * Self.microBatchTokens) {
      count *= 2
    }
    var groups: [[Int]] = [[]]
    var tokens = 0
    for index in indices {
      if tokens * count >= total * groups.count, groups.count < count,
        !groups[groups.count - 1].isEmpty
      {
        groups.append([])
      }
      groups[groups.count - 1].append(index)
      tokens += self[index].tokenCount
    }
    return groups.filter { !$0.isEmpty }
  }

  /// Tokens of the largest micro-batch of `batches`.
  func mostTokens(_ batches: [[Int]]) -> Int {
    batches.lazy.flatMap(microBatches).map { $0.reduce(0) { $0 + self[$1].tokenCount } }.max() ?? 0
  }
}
