/// A binary heap of pairs that may be merged, lowest rank first and leftmost on ties.
struct MergeHeap {
  /// A pair as it was when it was pushed.
  struct Entry {
    var rank: Int32
    var merged: Int32
    var position: Int
    var left: Int32
    var right: Int32

    init(_ rule: BytePairMerges.Rule, at position: Int, _ left: Int32, _ right: Int32) {
      rank = rule.rank
      merged = rule.merged
      self.position = position
      self.left = left
      self.right = right
    }

    func precedes(_ other: Entry) -> Bool {
      rank != other.rank ? rank < other.rank : position < other.position
    }
  }

  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    var index = entries.count
    entries.append(entry)
    while index > 0, entries[index].precedes(entries[(index - 1) / 2]) {
      entries.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func pop() -> Entry? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return first }
    entries[0] = last
    var index = 0
    while true {
      var child = 2 * index + 1
      if child >= entries.count { return first }
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      if !entries[child].precedes(entries[index]) { return first }
      entries.swapAt(index, child)
      index = child
    }
  }
}
