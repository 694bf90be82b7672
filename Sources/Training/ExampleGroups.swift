import Evaluation

extension [TokenizedExample] {
  /// Splits the examples at `indices` into at most `count` runs of about equal tokens, in order.
  func groups(_ indices: [Int], count: Int) -> [[Int]] {
    let total = indices.reduce(0) { $0 + self[$1].tokenCount }
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
}
