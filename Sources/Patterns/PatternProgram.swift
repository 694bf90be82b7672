package import Faults

/// A regular expression as steps for ``PatternRun``.
package struct PatternProgram: Sendable {
  package enum Step: Sendable {
    /// Takes one scalar of the set.
    case take(ScalarSet)
    /// Goes on at the first place and, if that fails, at the second.
    case split(Int, Int)
    case jump(Int)
    case assert(PatternNode.Assertion)
    /// Remembers the place as start (0) or end (1) of the group that was asked for.
    case mark(Int)
    /// The steps up to `next` match from here and end there.
    case atomic(next: Int)
    /// The steps up to `next` match, or do not, from `width` scalars before.
    case look(next: Int, width: Int, isNegative: Bool)
    case accept
  }

  private static let stepLimit = 1 << 15
  private static let workLimit = 1 << 18

  package private(set) var steps: [Step] = []
  private var work = 0
  private let wanted: String?

  /// Compiles an expression; the places of the group `wanted` are kept.
  ///
  /// - Throws: 69 `PATTERN` for one of too many steps.
  package init(_ node: PatternNode, wanted: String? = nil) throws(Fault) {
    self.wanted = wanted
    try emit(node)
    steps.append(.accept)
  }

  private mutating func reserve() -> Int {
    steps.append(.accept)
    return steps.count - 1
  }

  private mutating func emit(_ node: PatternNode) throws(Fault) {
    work += 1
    // Repeats of nothing make no steps but take time.
    guard steps.count < PatternProgram.stepLimit, work < PatternProgram.workLimit else {
      throw Fault(
        .unsupported, "PATTERN", "a pattern of more than \(PatternProgram.stepLimit) steps")
    }
    switch node {
    case .set(let set): steps.append(.take(set))
    case .assertion(let assertion): steps.append(.assert(assertion))
    case .sequence(let nodes): for node in nodes { try emit(node) }
    case .alternatives(let nodes):
      var ends: [Int] = []
      for node in nodes.dropLast() {
        let fork = reserve()
        try emit(node)
        ends.append(reserve())
        steps[fork] = .split(fork + 1, steps.count)
      }
      try emit(nodes[nodes.count - 1])
      for end in ends { steps[end] = .jump(steps.count) }
    case .repeated(let body, let least, let most, .possessive):
      try emit(.atomic(.repeated(body, least: least, most: most, .greedy)))
    case .repeated(let body, let least, let most, let greed):
      try emitRepeat(body, least, most, isLazy: greed == .lazy)
    case .group(let name, let body):
      let isWanted = name != nil && name == wanted
      if isWanted { steps.append(.mark(0)) }
      try emit(body)
      if isWanted { steps.append(.mark(1)) }
    case .atomic(let body):
      let place = reserve()
      try emit(body)
      steps.append(.accept)
      steps[place] = .atomic(next: steps.count)
    case .look(let body, let isBehind, let isNegative):
      let place = reserve()
      try emit(body)
      steps.append(.accept)
      steps[place] = .look(
        next: steps.count, width: isBehind ? body.width ?? 0 : 0, isNegative: isNegative)
    }
  }

  private mutating func emitRepeat(
    _ body: PatternNode, _ least: Int, _ most: Int?, isLazy: Bool
  ) throws(Fault) {
    for _ in 0..<least { try emit(body) }
    guard let most else {
      let loop = reserve()
      try emit(body)
      steps.append(.jump(loop))
      steps[loop] = isLazy ? .split(steps.count, loop + 1) : .split(loop + 1, steps.count)
      return
    }
    var forks: [Int] = []
    for _ in least..<max(least, most) {
      forks.append(reserve())
      try emit(body)
    }
    for fork in forks {
      steps[fork] = isLazy ? .split(steps.count, fork + 1) : .split(fork + 1, steps.count)
    }
  }
}
