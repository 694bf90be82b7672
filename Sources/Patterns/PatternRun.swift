/// One search of a program in one text, by backtracking that never tries a step twice in the same place.
///
/// Without references back nothing but step and place decides what can still match, so a second visit would fail as
/// the first did: time is O(steps · length) for each level of looking around, whatever the expression. A budget of steps
/// bounds those levels.
package struct PatternRun {
  private let steps: [PatternProgram.Step]
  private let scalars: [Unicode.Scalar]
  private var budget: Int
  /// Start and end of the group that was asked for.
  package private(set) var marks = [-1, -1]

  /// Whether the budget is used up: then nothing is known.
  package var isExhausted: Bool { budget < 0 }

  private enum Frame {
    case visit(Int, Int)
    case restore(Int, Int)
  }

  package init(_ program: PatternProgram, _ scalars: [Unicode.Scalar], budget: Int) {
    steps = program.steps
    self.scalars = scalars
    self.budget = budget
  }

  /// Where the first match from the start of the text ends; nil for none.
  package mutating func match() -> Int? { match(0..<steps.count, from: 0) }

  private mutating func match(_ range: Range<Int>, from start: Int) -> Int? {
    let width = scalars.count + 1
    var visited = [UInt64](repeating: 0, count: range.count * width / 64 + 1)
    // Clearing a word takes less than a step.
    budget -= visited.count / 8
    var waiting = [Frame.visit(range.lowerBound, start)]
    while let frame = waiting.popLast() {
      var (step, place): (Int, Int)
      switch frame {
      case .restore(let slot, let value):
        marks[slot] = value
        continue
      case .visit(let first, let second): (step, place) = (first, second)
      }
      following: while true {
        budget -= 1
        guard budget >= 0 else { return nil }
        let bit = (step - range.lowerBound) * width + place
        guard visited[bit / 64] & (1 << UInt64(bit % 64)) == 0 else { break }
        visited[bit / 64] |= 1 << UInt64(bit % 64)
        switch steps[step] {
        case .take(let set):
          guard place < scalars.count, set.contains(scalars[place]) else { break following }
          (step, place) = (step + 1, place + 1)
        case .split(let first, let second):
          waiting.append(.visit(second, place))
          step = first
        case .jump(let next): step = next
        case .assert(let assertion):
          guard holds(assertion, place) else { break following }
          step += 1
        case .mark(let slot):
          waiting.append(.restore(slot, marks[slot]))
          marks[slot] = place
          step += 1
        case .atomic(let next):
          guard let end = match(step + 1..<next, from: place) else { break following }
          (step, place) = (next, end)
        case .look(let next, let width, let isNegative):
          let isFound = place >= width && match(step + 1..<next, from: place - width) != nil
          guard !isExhausted, isFound != isNegative else { break following }
          step = next
        case .accept: return place
        }
      }
    }
    return nil
  }

  private func holds(_ assertion: PatternNode.Assertion, _ place: Int) -> Bool {
    func isFeed(_ place: Int) -> Bool { scalars[place] == "\n" }
    func isWord(_ place: Int) -> Bool {
      scalars.indices.contains(place) && ScalarClass.word.contains(scalars[place])
    }
    let count = scalars.count
    switch assertion {
    case .start: return place == 0
    case .lineStart: return place == 0 || isFeed(place - 1)
    case .end: return place == count || place == count - 1 && isFeed(place)
    case .lineEnd: return place == count || isFeed(place)
    case .veryEnd: return place == count
    case .boundary: return isWord(place - 1) != isWord(place)
    // Python has none of these in an empty text.
    case .noBoundary: return count > 0 && isWord(place - 1) == isWord(place)
    }
  }
}
