package import Faults

/// Parses regular expressions but for what looks back at earlier matches: `\1`, `(?P=name)`, `(?(1)…)`.
package struct PatternParser {
  /// Whose expressions these are.
  package enum Dialect: Sendable {
    /// Python's `re`, on text.
    case python
    /// Oniguruma with the syntax of Ruby, as Hugging Face's tokenizers library uses it.
    case oniguruma
  }

  private static let lengthLimit = 1 << 16
  private static let depthLimit = 64
  private static let repeatLimit = 1 << 16

  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotIsAll = false
  }

  private let dialect: Dialect
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var flags = Flags()
  private var names: Set<String> = []

  package init(_ text: String, dialect: Dialect) {
    self.dialect = dialect
    scalars = Array(text.unicodeScalars)
    // In Ruby's syntax `^` and `$` are of lines always.
    flags.isMultiline = dialect == .oniguruma
  }

  package mutating func parse() throws(Fault) -> PatternNode {
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

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  /// The text up to a scalar, which is taken too.
  private mutating func text(upTo end: Unicode.Scalar) throws(Fault) -> String {
    guard let place = scalars[min(position, scalars.count)...].firstIndex(of: end) else {
      throw malformed("missing \(end)")
    }
    defer { position = place + 1 }
    return String(String.UnicodeScalarView(scalars[position..<place]))
  }

  // MARK: - Structure

  private mutating func alternatives(depth: Int) throws(Fault) -> PatternNode {
    guard depth < PatternParser.depthLimit else { throw unsupported("groups nested too deep") }
    var branches = [try sequence(depth: depth)]
    while take("|") { branches.append(try sequence(depth: depth)) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence(depth: Int) throws(Fault) -> PatternNode {
    var nodes: [PatternNode] = []
    while let next = peek, next != "|", next != ")" {
      guard let atom = try atom(next, depth: depth) else { continue }
      nodes.append(try quantified(atom))
    }
    return .sequence(nodes)
  }

  /// The item that begins with `scalar`, which is next; nil for a comment or flags, which are none.
  private mutating func atom(
    _ scalar: Unicode.Scalar, depth: Int
  ) throws(Fault) -> PatternNode? {
    if try counts() != nil { throw malformed("nothing to repeat") }
    position += 1
    switch scalar {
    case ".": return .set(flags.dotIsAll ? .all : .line)
    case "^": return .assertion(flags.isMultiline ? .lineStart : .start)
    case "$": return .assertion(flags.isMultiline ? .lineEnd : .end)
    case "[": return .set(try characterClass(depth: depth))
    case "\\": return try escape()
    case "(": return try group(depth: depth)
    default: return .set(cased(ScalarSet(scalar)))
    }
  }

  private mutating func group(depth: Int) throws(Fault) -> PatternNode? {
    let outer = flags
    defer { flags = outer }
    guard take("?") else { return .group(name: nil, try closed(depth)) }
    guard let kind = take() else { throw malformed("pattern ends early") }
    switch kind {
    case ":": return .group(name: nil, try closed(depth))
    case ">": return .atomic(try closed(depth))
    case "=": return .look(try closed(depth), isBehind: false, isNegative: false)
    case "!": return .look(try closed(depth), isBehind: false, isNegative: true)
    case "<":
      guard let sign = take() else { throw malformed("pattern ends early") }
      if dialect == .oniguruma, sign != "=", sign != "!" {
        _ = try text(upTo: ">")
        return .group(name: nil, try closed(depth))
      }
      guard sign == "=" || sign == "!" else { throw malformed("unknown (?<") }
      let body = try closed(depth)
      guard body.width != nil else { throw malformed("a look behind of no one width") }
      return .look(body, isBehind: true, isNegative: sign == "!")
    case "P":
      guard take("<") else { throw unsupported("(?P other than (?P<name>") }
      let name = try text(upTo: ">")
      guard !name.isEmpty, names.insert(name).inserted else { throw malformed("bad group name") }
      return .group(name: name, try closed(depth))
    case "#":
      _ = try text(upTo: ")")
      return nil
    case "(": throw unsupported("(?(...)")
    default:
      position -= 1
      return try flagged(depth, outer)
    }
  }

  /// `(?i)` at the start of the expression and `(?i:…)`.
  private mutating func flagged(_ depth: Int, _ outer: Flags) throws(Fault) -> PatternNode? {
    let isFirst = position == 2
    var isSet = true
    while let letter = take() {
      switch letter {
      case "i": flags.ignoresCase = isSet
      // Ruby's m lets the dot take line ends.
      case "m" where dialect == .oniguruma: flags.dotIsAll = isSet
      case "m": flags.isMultiline = isSet
      case "s" where dialect == .python: flags.dotIsAll = isSet
      case "u" where isSet: break
      case "-" where isSet: isSet = false
      case ":": return .group(name: nil, try closed(depth))
      case ")":
        guard isFirst && isSet || dialect == .oniguruma else {
          throw malformed("flags that are not at the start")
        }
        // They hold for all of the expression: what follows is read as if inside the group.
        return .group(name: nil, try alternatives(depth: depth + 1))
      case "a", "x", "L": throw unsupported("the flag \(letter)")
      default: throw malformed("unknown (?\(letter)")
      }
    }
    throw malformed("pattern ends early")
  }

  private mutating func closed(_ depth: Int) throws(Fault) -> PatternNode {
    let inner = try alternatives(depth: depth + 1)
    guard take(")") else { throw malformed("unbalanced (") }
    return inner
  }

  // MARK: - Quantifiers

  private mutating func quantified(_ node: PatternNode) throws(Fault) -> PatternNode {
    guard let bounds = try counts() else { return node }
    if case .assertion = node { throw malformed("nothing to repeat") }
    // Ruby has no possessive `{n,m}+`: there the plus repeats what is before it.
    let mayPossess = dialect == .python || !bounds.isBraced
    let greed: PatternNode.Greed =
      take("?") ? .lazy : mayPossess && take("+") ? .possessive : .greedy
    let result = PatternNode.repeated(node, least: bounds.least, most: bounds.most, greed)
    let place = position
    if try counts() != nil {
      guard dialect == .oniguruma else { throw malformed("multiple repeat") }
      position = place
      return try quantified(result)
    }
    return result
  }

  /// A quantifier's bounds where one stands here; a brace that is none is a literal, as in Python.
  private mutating func counts() throws(Fault) -> (least: Int, most: Int?, isBraced: Bool)? {
    switch peek {
    case "*":
      position += 1
      return (0, nil, false)
    case "+":
      position += 1
      return (1, nil, false)
    case "?":
      position += 1
      return (0, 1, false)
    case "{": break
    default: return nil
    }
    guard let close = scalars[position...].firstIndex(of: "}"), close > position + 1 else {
      return nil
    }
    let parts = scalars[(position + 1)..<close].split(
      separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.joined().allSatisfy({ (0x30...0x39).contains($0.value) }) else { return nil }
    func number(_ digits: ArraySlice<Unicode.Scalar>) throws(Fault) -> Int? {
      guard !digits.isEmpty else { return nil }
      guard let count = Int(String(String.UnicodeScalarView(digits))),
        count <= PatternParser.repeatLimit
      else { throw unsupported("repeat count over \(PatternParser.repeatLimit)") }
      return count
    }
    let least = try number(parts[0]) ?? 0
    let most = parts.count == 1 ? least : try number(parts[1])
    if let most, most < least { throw malformed("repeat counts reversed") }
    position = close + 1
    return (least, most, true)
  }

  // MARK: - Scalars

  private func cased(_ set: ScalarSet) -> ScalarSet {
    var set = set
    set.ignoresCase = flags.ignoresCase
    return set
  }

  private mutating func characterClass(depth: Int) throws(Fault) -> ScalarSet {
    guard depth < PatternParser.depthLimit else { throw unsupported("sets nested too deep") }
    var set = cased(ScalarSet())
    if take("^") { set.isNegated = true }
    var isFirst = true
    while let scalar = take() {
      if scalar == "]", !isFirst { return set }
      if dialect == .oniguruma {
        if scalar == "[" {
          guard peek != ":" else { throw unsupported("a POSIX bracket") }
          set.nested.append(try characterClass(depth: depth + 1))
          isFirst = false
          continue
        }
        if scalar == "&", peek == "&" {
          position += 1
          return try intersection(of: set, depth: depth)
        }
      }
      isFirst = false
      let low = scalar == "\\" ? try classEscape() : ScalarSet(scalar)
      // A range needs one scalar on each side; `-` before `]` is itself.
      guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        set.ranges += low.ranges
        set.classes += low.classes
        continue
      }
      position += 1
      guard let upper = take() else { break }
      let high = upper == "\\" ? try classEscape() : ScalarSet(upper)
      guard let first = low.single, let last = high.single, first <= last else {
        throw malformed("bad character range")
      }
      set.ranges.append(first...last)
    }
    throw malformed("unbalanced [")
  }

  /// What follows `&&` in a set up to its end: a set of its own, in which members must lie as well.
  private mutating func intersection(
    of set: ScalarSet, depth: Int
  ) throws(Fault) -> ScalarSet {
    var first = set
    first.isNegated = false
    var result = cased(ScalarSet())
    result.isNegated = set.isNegated
    result.nested = [first]
    // `^` after `&&` is itself.
    guard peek != "^", peek != "]" else { throw unsupported("such an intersection") }
    result.limits = [try characterClass(depth: depth + 1)]
    return result
  }

  private mutating func escape() throws(Fault) -> PatternNode {
    switch peek {
    case "z" where dialect == .oniguruma: return assertion(.veryEnd)
    case "Z" where dialect == .oniguruma: return assertion(.end)
    case "A": return assertion(.start)
    case "Z": return assertion(.veryEnd)
    case "b": return assertion(.boundary)
    case "B": return assertion(.noBoundary)
    case let digit? where (0x31...0x39).contains(digit.value):
      throw unsupported("a reference back to a group")
    default: return .set(cased(try setEscape()))
    }
  }

  private mutating func assertion(_ assertion: PatternNode.Assertion) -> PatternNode {
    position += 1
    return .assertion(assertion)
  }

  private mutating func classEscape() throws(Fault) -> ScalarSet {
    take("b") ? ScalarSet("\u{8}") : try setEscape()
  }

  /// What a backslash means in a class and, but for assertions, outside.
  private mutating func setEscape() throws(Fault) -> ScalarSet {
    guard let scalar = take() else { throw malformed("pattern ends in a backslash") }
    switch scalar {
    case "d": return ScalarSet(.digit)
    case "D": return ScalarSet(.digit, isNegated: true)
    case "w", "W":
      return ScalarSet(dialect == .python ? .word : .markedWord, isNegated: scalar == "W")
    case "s", "S":
      return ScalarSet(dialect == .python ? .space : .whiteSpace, isNegated: scalar == "S")
    case "p" where dialect == .oniguruma: return try property(isNegated: false)
    case "P" where dialect == .oniguruma: return try property(isNegated: true)
    case "n": return ScalarSet("\n")
    case "t": return ScalarSet("\t")
    case "r": return ScalarSet("\r")
    case "f": return ScalarSet("\u{c}")
    case "v": return ScalarSet("\u{b}")
    case "a": return ScalarSet("\u{7}")
    case "x": return try hexadecimal(2)
    case "u": return try hexadecimal(4)
    case "U": return try hexadecimal(8)
    default:
      guard scalar.isASCII else { return ScalarSet(scalar) }
      if (0x30...0x39).contains(scalar.value) { throw unsupported("an octal escape") }
      guard !scalar.properties.isAlphabetic else { throw malformed("bad escape \\\(scalar)") }
      return ScalarSet(scalar)
    }
  }

  /// `{name}` after `\p` or `\P`.
  private mutating func property(isNegated: Bool) throws(Fault) -> ScalarSet {
    guard take("{") else { throw malformed("\\p without a name") }
    let isInverse = take("^")
    let name = try text(upTo: "}")
    guard let found = ScalarClass(property: name) else {
      throw unsupported("the property \(Fault.escaped(name, limit: 32))")
    }
    return ScalarSet(found, isNegated: isNegated != isInverse)
  }

  private mutating func hexadecimal(_ digits: Int) throws(Fault) -> ScalarSet {
    let end = position + digits
    guard end <= scalars.count,
      let value = UInt32(String(String.UnicodeScalarView(scalars[position..<end])), radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw malformed("bad hexadecimal escape") }
    position = end
    return ScalarSet(scalar)
  }

  // MARK: - Faults

  private func malformed(_ reason: String) -> Fault {
    Fault(.badData, "PATTERN", "no regular expression: \(reason)")
  }

  private func unsupported(_ reason: String) -> Fault {
    Fault(.unsupported, "PATTERN", "\(reason) is not supported in a pattern")
  }
}
