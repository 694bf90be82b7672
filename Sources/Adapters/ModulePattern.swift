public import Faults

/// A PEFT module pattern: a regular expression that must match the end of a module path, from its start
/// or from after a dot, as Python's `re.match(r"(.*\.)?(PATTERN)$", path)` does (`formats/peft.md` §3).
///
/// Patterns come from files, so none may take exponential time: the expression is turned into a
/// non-deterministic automaton whose states are followed all at once, O(path · states). Literals, `.`,
/// classes, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^`, `$` are understood; anything else is refused.
public struct ModulePattern: Sendable {
  private enum State: Sendable {
    case consume(ScalarSet, next: Int)
    case split(Int, Int)
    case atStart(next: Int)
    case atEnd(next: Int)
    case accept
  }

  /// The text of the expression.
  public let text: String
  private var states: [State] = [.accept]
  private let start: Int
  private static let stateLimit = 4096

  /// Compiles an expression.
  ///
  /// - Throws: 69 `AD-PATTERN` for constructs that are not understood or too large; 65 `AD-PATTERN` for
  ///   text that is no regular expression.
  public init(_ text: String) throws(Fault) {
    self.text = text
    do throws(Fault) {
      var parser = PatternParser(text)
      let node = try parser.parse()
      var states: [State] = [.accept]
      start = try ModulePattern.compile(node, next: 0, into: &states)
      self.states = states
    } catch {
      throw error.at(tensor: text)
    }
  }

  /// Whether the pattern covers the module at `path`.
  public func matches(_ path: String) -> Bool {
    let scalars = Array(path.unicodeScalars)
    var current = Set<Int>()
    for position in 0...scalars.count {
      // `(.*\.)?` lets a match begin at the start or after any dot.
      if position == 0 || scalars[position - 1] == "." {
        add(start, position, scalars.count, to: &current)
      }
      guard position < scalars.count else { break }
      var following = Set<Int>()
      for state in current {
        if case .consume(let set, let next) = states[state], set.contains(scalars[position]) {
          add(next, position + 1, scalars.count, to: &following)
        }
      }
      current = following
    }
    return current.contains(0)
  }

  /// Whether the pattern covers the whole of `path`, as Python's `re.fullmatch` does.
  public func matchesWhole(_ path: String) -> Bool {
    let scalars = Array(path.unicodeScalars)
    var current = Set<Int>()
    add(start, 0, scalars.count, to: &current)
    for position in scalars.indices {
      var following = Set<Int>()
      for state in current {
        if case .consume(let set, let next) = states[state], set.contains(scalars[position]) {
          add(next, position + 1, scalars.count, to: &following)
        }
      }
      current = following
    }
    return current.contains(0)
  }

  /// Adds a state and all that it reaches without consuming anything.
  private func add(_ state: Int, _ position: Int, _ count: Int, to set: inout Set<Int>) {
    var waiting = [state]
    while let next = waiting.popLast() {
      guard set.insert(next).inserted else { continue }
      switch states[next] {
      case .split(let first, let second): waiting += [first, second]
      case .atStart(let after): if position == 0 { waiting.append(after) }
      case .atEnd(let after): if position == count { waiting.append(after) }
      case .consume, .accept: break
      }
    }
  }

  // MARK: - Compilation

  private static func compile(
    _ node: PatternNode, next: Int, into states: inout [State]
  ) throws(Fault) -> Int {
    guard states.count < stateLimit else {
      throw Fault(.unsupported, "AD-PATTERN", "pattern has more than \(stateLimit) states")
    }
    func append(_ state: State) -> Int {
      states.append(state)
      return states.count - 1
    }
    switch node {
    case .set(let set): return append(.consume(set, next: next))
    case .start: return append(.atStart(next: next))
    case .end: return append(.atEnd(next: next))
    case .sequence(let nodes):
      // An empty sequence counts as a state too, so that repeats of nothing meet the limit.
      if nodes.isEmpty { return append(.split(next, next)) }
      var target = next
      for node in nodes.reversed() { target = try compile(node, next: target, into: &states) }
      return target
    case .alternatives(let nodes):
      var entry = try compile(nodes[nodes.count - 1], next: next, into: &states)
      for node in nodes.dropLast().reversed() {
        let other = try compile(node, next: next, into: &states)
        states.append(.split(other, entry))
        entry = states.count - 1
      }
      return entry
    case .repeated(let body, let least, let most):
      var target = next
      if let most {
        for _ in 0..<max(0, most - least) {
          let entry = try compile(body, next: target, into: &states)
          states.append(.split(entry, next))
          target = states.count - 1
        }
      } else {
        states.append(.accept)
        let loop = states.count - 1
        let entry = try compile(body, next: loop, into: &states)
        states[loop] = .split(entry, next)
        target = loop
      }
      for _ in 0..<least { target = try compile(body, next: target, into: &states) }
      return target
    }
  }
}
