internal import Faults
internal import Patterns

/// What text is cut at: an expression or a literal text.
struct SplitPattern: Sendable {
  /// The text of the expression, or the literal text.
  let text: String
  let isLiteral: Bool
  private let way: Way

  private enum Way: Sendable {
    case scanned(ScannedPattern)
    case searched(PatternSearch)
    case literal([UInt32])
  }

  /// An expression of Oniguruma's.
  ///
  /// - Throws: 69 or 65 `TK-PRE` naming the expression and what in it is not understood.
  init(expression: String) throws(Fault) {
    text = expression
    isLiteral = false
    // Not by the string: that would take equivalent characters for equal.
    if let scanned = ScannedPattern.allCases.first(where: {
      $0.rawValue.utf8.elementsEqual(expression.utf8)
    }) {
      way = .scanned(scanned)
      return
    }
    do throws(Fault) {
      var parser = PatternParser(expression, dialect: .oniguruma)
      way = .searched(PatternSearch(try PatternProgram(try parser.parse())))
    } catch {
      throw Fault(
        error.kind, "TK-PRE",
        "pattern \"\(Fault.escaped(expression, limit: 96))\": \(error.reason)")
    }
  }

  init(literal: String) {
    text = literal
    isLiteral = true
    way = .literal(literal.unicodeScalars.map(\.value))
  }

  init(_ scanned: ScannedPattern) {
    text = scanned.rawValue
    isLiteral = false
    way = .scanned(scanned)
  }

  /// The pattern that ``ScannedPattern`` finds, where it is one.
  var scanned: ScannedPattern? { if case .scanned(let scanned) = way { scanned } else { nil } }

  /// The matches in `text[range]`, in order.
  func matches(in text: ScalarBuffer, _ range: Range<Int>) -> [Range<Int>] {
    switch way {
    case .scanned(let scanned):
      var words: [Range<Int>] = []
      scanned.appendWords(of: text, in: range, to: &words)
      return words
    case .searched(let search): return search.matches(in: text.values, range)
    case .literal(let literal): return Self.occurrences(of: literal, in: text.values, range)
    }
  }

  private static func occurrences(
    of literal: [UInt32], in values: [UInt32], _ range: Range<Int>
  ) -> [Range<Int>] {
    guard let first = literal.first else { return [] }
    var matches: [Range<Int>] = []
    var index = range.lowerBound
    while index + literal.count <= range.upperBound {
      if values[index] == first, values[index..<index + literal.count].elementsEqual(literal) {
        matches.append(index..<index + literal.count)
        index += literal.count
      } else {
        index += 1
      }
    }
    return matches
  }
}
