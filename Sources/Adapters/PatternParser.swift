import Faults

/// A set of Unicode scalars.
struct ScalarSet: Sendable {
  var ranges: [ClosedRange<UInt32>] = []
  var isNegated = false

  static let any = ScalarSet(ranges: [0x0a...0x0a], isNegated: true)
  static let digits = ScalarSet(ranges: [0x30...0x39])
  static let word = ScalarSet(ranges: [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a])
  static let space = ScalarSet(ranges: [0x09...0x0d, 0x20...0x20])

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) } != isNegated
  }
}

/// A parsed regular expression.
indirect enum PatternNode {
  case set(ScalarSet)
  case start
  case end
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, least: Int, most: Int?)
}

/// Parses the part of Python's regular expressions that module patterns use.
struct PatternParser {
  private static let lengthLimit = 1024
  private static let depthLimit = 16
  private static let repeatLimit = 64

  private let scalars: [Unicode.Scalar]
  private var position = 0

  init(_ text: String) { scalars = Array(text.unicodeScalars) }

  mutating func parse() throws(Fault) -> PatternNode {
    guard scalars.count <= PatternParser.lengthLimit else {
      throw unsupported("pattern over \(PatternParser.lengthLimit) characters")
    }
    let node = try alternatives(depth: 0)
    guard position == scalars.count else { throw malformed("unbalanced )") }
    return node
  }

  private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take() -> Unicode.Scalar? {
    defer { position += 1 }
    return peek
  }

  private mutating func alternatives(depth: Int) throws(Fault) -> PatternNode {
    guard depth < PatternParser.depthLimit else { throw unsupported("groups nested too deep") }
    var branches = [try sequence(depth: depth)]
    while peek == "|" {
      position += 1
      branches.append(try sequence(depth: depth))
    }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence(depth: Int) throws(Fault) -> PatternNode {
    var nodes: [PatternNode] = []
    while let next = peek, next != "|", next != ")" {
      nodes.append(try quantified(try atom(depth: depth)))
    }
    return .sequence(nodes)
  }

  private mutating func atom(depth: Int) throws(Fault) -> PatternNode {
    guard let scalar = take() else { throw malformed("pattern ends early") }
    switch scalar {
    case ".": return .set(.any)
    case "^": return .start
    case "$": return .end
    case "[": return .set(try characterClass())
    case "\\": return .set(try escape())
    case "*", "+", "?": throw malformed("nothing to repeat")
    case "(":
      if peek == "?" {
        guard position + 1 < scalars.count, scalars[position + 1] == ":" else {
          throw unsupported("(?...) other than (?:...)")
        }
        position += 2
      }
      let inner = try alternatives(depth: depth + 1)
      guard take() == ")" else { throw malformed("unbalanced (") }
      return inner
    default: return .set(PatternParser.single(scalar))
    }
  }

  private mutating func quantified(_ node: PatternNode) throws(Fault) -> PatternNode {
    var result = node
    while let next = peek {
      let bounds: (Int, Int?)
      switch next {
      case "*": bounds = (0, nil)
      case "+": bounds = (1, nil)
      case "?": bounds = (0, 1)
      case "{":
        guard let counted = try counts() else { return result }
        bounds = counted
      default: return result
      }
      if next != "{" { position += 1 }
      // A lazy quantifier finds the same strings; a possessive one does not.
      if peek == "?" {
        position += 1
      } else if peek == "+" || peek == "*" {
        throw unsupported("possessive or stacked quantifier")
      }
      result = .repeated(result, least: bounds.0, most: bounds.1)
    }
    return result
  }

  /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; nil (a literal brace) for anything else, as in Python.
  private mutating func counts() throws(Fault) -> (Int, Int?)? {
    guard let close = scalars[position...].firstIndex(of: "}") else { return try literalBrace() }
    let text = String(String.UnicodeScalarView(scalars[(position + 1)..<close]))
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), text != ",", !text.isEmpty,
      parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return try literalBrace() }
    let least = parts[0].isEmpty ? 0 : Int(parts[0])
    let most: Int?? =
      parts.count == 1 ? .some(least) : (parts[1].isEmpty ? .some(nil) : Int(parts[1]).map { $0 })
    guard let least, let most, least <= PatternParser.repeatLimit,
      (most ?? 0) <= PatternParser.repeatLimit
    else { throw unsupported("repeat count over \(PatternParser.repeatLimit)") }
    if let most, most < least { throw malformed("repeat counts reversed") }
    position = close + 1
    return (least, most)
  }

  private func literalBrace() throws(Fault) -> (Int, Int?)? {
    throw unsupported("literal { without a backslash")
  }

  private mutating func characterClass() throws(Fault) -> ScalarSet {
    var set = ScalarSet()
    if peek == "^" {
      set.isNegated = true
      position += 1
    }
    var isFirst = true
    while let scalar = take() {
      if scalar == "]", !isFirst { return set }
      isFirst = false
      var low = PatternParser.single(scalar)
      if scalar == "\\" { low = try escape() }
      // A range needs one scalar on each side; `-` before `]` is itself.
      if peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        guard let upper = take() else { break }
        let high = upper == "\\" ? try escape() : PatternParser.single(upper)
        guard let from = low.ranges.first, let to = high.ranges.first, low.ranges.count == 1,
          high.ranges.count == 1, from.count == 1, to.count == 1, !low.isNegated, !high.isNegated,
          from.lowerBound <= to.lowerBound
        else { throw malformed("bad character range") }
        set.ranges.append(from.lowerBound...to.lowerBound)
      } else {
        guard !low.isNegated else { throw unsupported("negated class inside [ ]") }
        set.ranges += low.ranges
      }
    }
    throw malformed("unbalanced [")
  }

  private mutating func escape() throws(Fault) -> ScalarSet {
    guard let scalar = take() else { throw malformed("pattern ends in a backslash") }
    switch scalar {
    case "d": return .digits
    case "w": return .word
    case "s": return .space
    case "D": return ScalarSet(ranges: ScalarSet.digits.ranges, isNegated: true)
    case "W": return ScalarSet(ranges: ScalarSet.word.ranges, isNegated: true)
    case "S": return ScalarSet(ranges: ScalarSet.space.ranges, isNegated: true)
    default:
      guard !scalar.properties.isAlphabetic, !(0x30...0x39).contains(scalar.value) else {
        throw unsupported("escape \\\(scalar)")
      }
      return PatternParser.single(scalar)
    }
  }

  private static func single(_ scalar: Unicode.Scalar) -> ScalarSet {
    ScalarSet(ranges: [scalar.value...scalar.value])
  }

  private func malformed(_ reason: String) -> Fault {
    Fault(.badData, "AD-PATTERN", "\(reason) at character \(position)")
  }

  private func unsupported(_ reason: String) -> Fault {
    Fault(.unsupported, "AD-PATTERN", "\(reason) is not supported, at character \(position)")
  }
}
