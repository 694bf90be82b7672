/// All matches of an expression in a text, one after the other, as Oniguruma finds them.
///
/// Backtracking, with no memory while a match takes few steps, as matches of words do. One that takes many remembers
/// where it branched: without references back, a step and a place that failed once fail always, also for matches that
/// begin later. Time is then O(steps · length), but for what is looked at ahead or behind.
package struct PatternSearch: Sendable {
  /// Steps for one text.
  ///
  /// What lies behind the place where they are used up has no matches.
  package static let budget = 1 << 28

  /// One step in a form that is cheap to copy.
  private struct Operation {
    enum Kind { case take, split, jump, assert, atomic, look, accept }
    var kind: Kind
    /// The next step, or the number of the set to take from.
    var first = 0
    /// The other branch, or the scalars to go back.
    var second = 0
    var isNegative = false
    var assertion = PatternNode.Assertion.start
  }

  /// A set with its members in ASCII as bits.
  private struct Table {
    var low: UInt64 = 0
    var high: UInt64 = 0
    let set: ScalarSet

    init(_ set: ScalarSet) {
      self.set = set
      for value in UInt8(0)..<128 where set.contains(Unicode.Scalar(value)) {
        if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
      }
    }

    func contains(_ value: UInt32) -> Bool {
      if value < 64 { return low >> UInt64(value) & 1 == 1 }
      if value < 128 { return high >> UInt64(value - 64) & 1 == 1 }
      return Unicode.Scalar(value).map(set.contains) ?? false
    }
  }

  private let operations: [Operation]
  private let tables: [Table]

  package init(_ program: PatternProgram) {
    var tables: [Table] = []
    operations = program.steps.enumerated().map { index, step in
      switch step {
      case .take(let set):
        tables.append(Table(set))
        return Operation(kind: .take, first: tables.count - 1)
      case .split(let first, let second):
        return Operation(kind: .split, first: first, second: second)
      case .jump(let next): return Operation(kind: .jump, first: next)
      case .assert(let assertion): return Operation(kind: .assert, assertion: assertion)
      case .mark: return Operation(kind: .jump, first: index + 1)
      case .atomic(let next): return Operation(kind: .atomic, first: next)
      case .look(let next, let width, let isNegative):
        return Operation(kind: .look, first: next, second: width, isNegative: isNegative)
      case .accept: return Operation(kind: .accept)
      }
    }
    self.tables = tables
  }

  /// The matches in `values[range]`, which is a text of its own: nothing is seen of what lies around it.
  package func matches(in values: [UInt32], _ range: Range<Int>) -> [Range<Int>] {
    var matches: [Range<Int>] = []
    var run = Run(search: self, values: values, range: range)
    var place = range.lowerBound
    var lastEnd: Int?
    while place <= range.upperBound {
      guard let end = run.match(from: place) else {
        if run.budget < 0 { break }
        place += 1
        continue
      }
      // An empty match right behind another is none.
      if end == place, lastEnd == end {
        place += 1
        continue
      }
      matches.append(place..<end)
      lastEnd = end
      place = end
    }
    return matches
  }

  // MARK: - One match

  /// Branches that failed, by place and step.
  private struct Memory {
    static let limit = 1 << 22
    var failed: Set<UInt64> = []

    /// Whether the branch is new.
    mutating func insert(_ step: Int, _ place: Int) -> Bool {
      let key = UInt64(place) << 16 | UInt64(step)
      if failed.count >= Self.limit { return !failed.contains(key) }
      return failed.insert(key).inserted
    }
  }

  private struct Run {
    /// Steps of a match before branches are remembered.
    static let quietSteps = 4096

    private let search: PatternSearch
    private let values: [UInt32]
    private let range: Range<Int>
    private(set) var budget = PatternSearch.budget
    private var memory = Memory()
    private var waiting: [(step: Int, place: Int)] = []

    init(search: PatternSearch, values: [UInt32], range: Range<Int>) {
      self.search = search
      self.values = values
      self.range = range
    }

    mutating func match(from start: Int) -> Int? {
      var kept = Memory()
      swap(&kept, &memory)
      let end = match(0, from: start, &kept)
      // The way of a match leads through places up to its end: only what failed behind it failed.
      if let end, !kept.failed.isEmpty {
        for step in search.operations.indices {
          kept.failed.remove(UInt64(end) << 16 | UInt64(step))
        }
      }
      memory = kept
      return end
    }

    /// Where the match of the steps from `first` ends; nil for none, or where the budget is used up.
    private mutating func match(_ first: Int, from start: Int, _ memory: inout Memory) -> Int? {
      let floor = waiting.count
      defer { waiting.removeSubrange(floor...) }
      var count = 0
      waiting.append((first, start))
      while waiting.count > floor, let branch = waiting.popLast() {
        var (step, place) = branch
        following: while true {
          count += 1
          budget -= 1
          guard budget >= 0 else { return nil }
          let operation = search.operations[step]
          switch operation.kind {
          case .take:
            guard place < range.upperBound,
              search.tables[operation.first].contains(values[place])
            else { break following }
            step += 1
            place += 1
          case .split:
            if count > Self.quietSteps, !memory.insert(step, place) { break following }
            waiting.append((operation.second, place))
            step = operation.first
          case .jump: step = operation.first
          case .assert:
            guard holds(operation.assertion, place) else { break following }
            step += 1
          case .atomic:
            var own = Memory()
            guard let end = match(step + 1, from: place, &own) else { break following }
            step = operation.first
            place = end
          case .look:
            var own = Memory()
            let from = place - operation.second
            let isFound = from >= range.lowerBound && match(step + 1, from: from, &own) != nil
            guard budget >= 0, isFound != operation.isNegative else { break following }
            step = operation.first
          case .accept: return place
          }
        }
      }
      return nil
    }

    private func holds(_ assertion: PatternNode.Assertion, _ place: Int) -> Bool {
      func isFeed(_ place: Int) -> Bool { values[place] == 0x0a }
      func isWord(_ place: Int) -> Bool {
        range.contains(place)
          && Unicode.Scalar(values[place]).map(ScalarClass.markedWord.contains) ?? false
      }
      let (lower, upper) = (range.lowerBound, range.upperBound)
      switch assertion {
      case .start: return place == lower
      // Behind a last line feed no line begins.
      case .lineStart: return place == lower || place < upper && isFeed(place - 1)
      case .end: return place == upper || place == upper - 1 && isFeed(place)
      case .lineEnd: return place == upper || isFeed(place)
      case .veryEnd: return place == upper
      case .boundary: return isWord(place - 1) != isWord(place)
      case .noBoundary: return isWord(place - 1) == isWord(place)
      }
    }
  }
}
