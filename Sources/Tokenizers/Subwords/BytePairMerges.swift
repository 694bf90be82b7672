/// The merge rules of a byte-pair vocabulary and the merging itself (`formats/tokenizers.md` §7).
struct BytePairMerges: Sendable {
  /// What a pair becomes.
  struct Rule: Sendable {
    /// Position in the list of merges; lower goes first.
    var rank: Int32
    /// The token of both together.
    var merged: Int32
  }

  private var rules: [UInt64: Rule]

  init(capacity: Int) { rules = Dictionary(minimumCapacity: capacity) }

  /// Adds a rule; of two rules for one pair the first counts, or the last where it replaces.
  mutating func add(left: Int32, right: Int32, rule: Rule, replaces: Bool = false) {
    let key = Self.key(left, right)
    if replaces || rules[key] == nil { rules[key] = rule }
  }

  /// Memory that words use one after the other.
  struct Scratch {
    fileprivate var pending: [Rule] = []
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private func rule(_ left: Int32, _ right: Int32) -> Rule? { rules[Self.key(left, right)] }

  /// Merges adjacent tokens, lowest rank first and leftmost on ties, until no rule applies.
  func merge(_ tokens: inout [Int32], _ scratch: inout Scratch) {
    if tokens.count < 2 { return }
    if tokens.count <= 48 { mergeShort(&tokens, &scratch.pending) } else { mergeLong(&tokens) }
  }

  /// A scan per merge: the fastest form for words of ordinary length.
  private func mergeShort(_ tokens: inout [Int32], _ pending: inout [Rule]) {
    let none = Rule(rank: .max, merged: -1)
    pending.removeAll(keepingCapacity: true)
    for index in 1..<tokens.count { pending.append(rule(tokens[index - 1], tokens[index]) ?? none) }
    while !pending.isEmpty {
      var best = 0
      for index in 1..<max(pending.count, 1) where pending[index].rank < pending[best].rank {
        best = index
      }
      guard pending[best].rank != .max else { return }
      tokens[best] = pending[best].merged
      tokens.remove(at: best + 1)
      pending.remove(at: best)
      if best > 0 { pending[best - 1] = rule(tokens[best - 1], tokens[best]) ?? none }
      if best < pending.count { pending[best] = rule(tokens[best], tokens[best + 1]) ?? none }
    }
  }

  /// A heap over a linked list: O(n log n) for words of any length.
  private func mergeLong(_ tokens: inout [Int32]) {
    var next = Array(1...tokens.count)
    var previous = Array(-1..<tokens.count - 1)
    var heap = MergeHeap()
    for index in 1..<tokens.count {
      if let rule = rule(tokens[index - 1], tokens[index]) {
        heap.push(MergeHeap.Entry(rule, at: index - 1, tokens[index - 1], tokens[index]))
      }
    }
    while let entry = heap.pop() {
      let left = entry.position
      let right = next[left]
      // Entries outlive the pair they were made for; such are passed over. Removed places hold −1.
      guard right < tokens.count, tokens[left] == entry.left, tokens[right] == entry.right else {
        continue
      }
      tokens[left] = entry.merged
      tokens[right] = -1
      let after = next[right]
      next[left] = after
      if after < tokens.count {
        previous[after] = left
        if let rule = rule(tokens[left], tokens[after]) {
          heap.push(MergeHeap.Entry(rule, at: left, tokens[left], tokens[after]))
        }
      }
      let before = previous[left]
      if before >= 0, let rule = rule(tokens[before], tokens[left]) {
        heap.push(MergeHeap.Entry(rule, at: before, tokens[before], tokens[left]))
      }
    }
    tokens.removeAll { $0 < 0 }
  }
}
