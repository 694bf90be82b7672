extension Array where Element: Comparable {
  /// The indices of the `count` largest values, ascending; ties go to the lower index.
  func largest(_ count: Int, excluding excluded: Set<Int>) -> [Int] {
    let candidates = indices.lazy.filter { !excluded.contains($0) }
    // Few of many: kept in order as they are met, which most values never are.
    guard count > 0, count <= 64 else {
      return candidates.sorted { (self[$1], $0) < (self[$0], $1) }.prefix(Swift.max(count, 0))
        .sorted()
    }
    var best: [Int] = []
    best.reserveCapacity(count + 1)
    for index in candidates {
      if best.count == count, !(self[index] > self[best[count - 1]]) { continue }
      var place = best.count
      while place > 0, self[index] > self[best[place - 1]] { place -= 1 }
      best.insert(index, at: place)
      if best.count > count { best.removeLast() }
    }
    return best.sorted()
  }
}
