extension Array where Element: Comparable {
  /// The indices of the `count` largest values, ascending; ties go to the lower index.
  func largest(_ count: Int, excluding excluded: Set<Int>) -> [Int] {
    guard count > 0, count <= 64 else {
      return indices.lazy.filter { !excluded.contains($0) }
        .sorted { (self[$1], $0) < (self[$0], $1) }.prefix(Swift.max(count, 0)).sorted()
    }
    return withUnsafeBufferPointer { values in
      let bound = excluded.isEmpty ? Self.bound(of: values, count) : nil
      return Self.leading(values, count, bound: bound, excluding: excluded).sorted()
    }
  }

  /// Something that `count` values reach: of the maxima of twice as many groups the one in the middle; nil for few values.
  private static func bound(of values: UnsafeBufferPointer<Element>, _ count: Int) -> Element? {
    let size = values.count / (2 * count)
    guard size > 3 else { return nil }
    let maxima = (0..<2 * count).map { group in
      var most = values[group * size]
      for index in group * size + 1..<(group + 1) * size { most = Swift.max(most, values[index]) }
      return most
    }
    return maxima.withUnsafeBufferPointer { maxima in
      leading(maxima, count, bound: nil, excluding: []).last.map { maxima[$0] }
    }
  }

  /// The indices of the `count` largest values, the largest first: kept in order as they are met, which most values,
  /// below `bound` or the last of those kept, never are.
  private static func leading(
    _ values: UnsafeBufferPointer<Element>, _ count: Int, bound: Element?,
    excluding excluded: Set<Int>
  ) -> [Int] {
    var best: [Int] = []
    best.reserveCapacity(count)
    for (index, value) in values.enumerated() {
      if let bound, value < bound { continue }
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
    return best
  }
}
