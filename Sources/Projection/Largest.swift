extension Array where Element: Comparable {
  /// The indices of the `count` largest values, ascending; ties go to the lower index.
  func largest(_ count: Int, excluding excluded: Set<Int>) -> [Int] {
    let candidates = indices.lazy.filter { !excluded.contains($0) }
    // Few of many: kept in order as they are met, which most values never are.
    guard count > 0, count <= 64 else {
      return candidates.sorted { (self[$1], $0) < (self[$0], $1) }.prefix(Swift.max(count, 0))
        .sorted()
    }
    return withUnsafeBufferPointer { values in
      var best: [Int] = []
      best.reserveCapacity(count)
      for (index, value) in values.enumerated() {
        if best.count == count, !(value > values[best[count - 1]]) { continue }
        if !excluded.isEmpty, excluded.contains(index) { continue }
        if best.count < count { best.append(index) }
        var place = best.count - 1
        while place > 0, value > values[best[place - 1]] {
          best[place] = best[place - 1]
          place -= 1
        }
        best[place] = index
      }
      return best.sorted()
    }
  }
}
