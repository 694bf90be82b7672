import Evaluation

extension [TokenizedExample] {
  /// Tokens that one pass of one decoder should carry at least: with fewer, reading the weights costs more than the
  /// arithmetic on them.
  private static let microBatchTokens = 128

  /// Splits the examples at `indices` into micro-batches, in order: what one decoder takes through the model at once.
  ///
  /// Sums over micro-batches are rounded, and so is a product by the company its rows are in. Where they begin and end
  /// is therefore a function of the examples alone and never of the threads that share them. Their number is a
  /// power of two, `2^⌈log₂(tokens / 128)⌉` but for too few examples, and their tokens about equal, which most numbers
  /// of threads divide evenly.
  func microBatches(_ indices: [Int]) -> [[Int]] {
    let total = indices.reduce(0) { $0 + self[$1].tokenCount }
    var count = 1
    while count * Self.microBatchTokens < total { count *= 2 }
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
