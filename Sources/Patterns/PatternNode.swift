/// A parsed regular expression.
package indirect enum PatternNode {
  /// A condition on a place between two scalars.
  package enum Assertion: Sendable {
    /// `^` and `\A`; `^` with `(?m)`.
    case start, lineStart
    /// `$`, also before a last line feed; `$` with `(?m)`; `\Z`.
    case end, lineEnd, veryEnd
    /// `\b` and `\B`.
    case boundary, noBoundary
  }

  /// What a quantifier tries first, and whether it gives back.
  package enum Greed { case greedy, lazy, possessive }

  case set(ScalarSet)
  case assertion(Assertion)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, least: Int, most: Int?, Greed)
  /// A group; a named one is remembered where somebody asks for it.
  case group(name: String?, PatternNode)
  /// `(?>…)`: the first way to match is the only one.
  case atomic(PatternNode)
  /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`.
  case look(PatternNode, isBehind: Bool, isNegative: Bool)

  /// How many scalars every match has; nil where matches differ.
  package var width: Int? {
    switch self {
    case .set: 1
    case .assertion, .look: 0
    case .sequence(let nodes):
      nodes.reduce(0 as Int?) { sum, node in
        guard let sum, let width = node.width else { return nil }
        let (total, overflow) = sum.addingReportingOverflow(width)
        return overflow ? nil : total
      }
    case .alternatives(let nodes):
      nodes.allSatisfy { $0.width == nodes[0].width } ? nodes[0].width : nil
    case .repeated(let body, let least, let most, _): least == most ? product(body, least) : nil
    case .group(_, let body), .atomic(let body): body.width
    }
  }

  private func product(_ body: PatternNode, _ count: Int) -> Int? {
    guard let width = body.width else { return nil }
    let (total, overflow) = width.multipliedReportingOverflow(by: count)
    return overflow ? nil : total
  }
}
