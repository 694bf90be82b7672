public import Faults
internal import Patterns

/// A regular expression over module paths, as PEFT writes them into configurations (`formats/peft.md` §3).
///
/// Patterns come from files: none takes more than ``budget`` steps, and one that would has no answer.
public struct ModulePattern: Sendable {
  /// Which of Python's functions PEFT calls with which expression.
  public enum Form: Sendable {
    /// `re.match(r"(.*\.)?(P)$", path)`: keys of `rank_pattern` and `alpha_pattern`.
    case ending
    /// `re.fullmatch(P, path)`: strings in `target_modules` and `exclude_modules`.
    case whole
    /// `re.match(r"(^|.*\.)P($|\..*)", path)`: entries of `modules_to_save`.
    case component
    /// `re.match(r"(?:^|.*?\.)P\.(?P<idx>\d+)\.", path)`: `layers_pattern`.
    case layer
    /// `re.match(r".*?\.[^.]*\.(?P<idx>\d+)\.", path)`: layers without a pattern of their own.
    case anyLayer
  }

  /// Steps after which an expression is given up.
  public static let budget = 1 << 16

  private static let nameLimit = 4096

  /// The text of the expression, without what ``Form`` puts around it.
  public let text: String
  private let program: PatternProgram
  /// The bytes of an ending without anything but letters, digits, `_`, `-` and dots, which mean any scalar.
  private let plainEnding: [UInt8]?

  /// Compiles an expression.
  ///
  /// - Throws: 69 `AD-PATTERN` for constructs that are not understood or too large; 65 `AD-PATTERN` for
  ///   text that is no regular expression.
  public init(_ text: String, _ form: Form = .ending) throws(Fault) {
    self.text = text
    let whole =
      switch form {
      case .ending: #"(.*\.)?("# + text + ")$"
      case .whole: text
      case .component: #"(^|.*\.)"# + text + #"($|\..*)"#
      case .layer: #"(?:^|.*?\.)"# + text + #"\.(?P<idx>\d+)\."#
      case .anyLayer: #".*?\.[^.]*\.(?P<idx>\d+)\."#
      }
    do throws(Fault) {
      var parser = PatternParser(whole, dialect: .python)
      var node = try parser.parse()
      if form == .whole { node = .sequence([node, .assertion(.veryEnd)]) }
      program = try PatternProgram(node, wanted: "idx")
    } catch {
      throw Fault(
        error.kind, "AD-PATTERN", "pattern \"\(Fault.escaped(text, limit: 96))\": \(error.reason)")
    }
    let bytes = Array(text.utf8)
    plainEnding = form == .ending && bytes.allSatisfy(ModulePattern.isPlain) ? bytes : nil
  }

  /// Whether the pattern covers the module at `path`; nil where that takes more than the budget.
  public func matches(_ path: String) -> Bool? {
    if let plainEnding, let answer = ModulePattern.ends(Array(path.utf8), in: plainEnding) {
      return answer
    }
    guard var run = run(path) else { return nil }
    let end = run.match()
    return run.isExhausted ? nil : end != nil
  }

  /// The number of the layer in `path`, `.some(nil)` where it has none; nil where that takes more than the budget.
  public func layer(in path: String) -> Int?? {
    guard var run = run(path) else { return .none }
    let end = run.match()
    if run.isExhausted { return .none }
    let scalars = Array(path.unicodeScalars)
    guard end != nil, run.marks[0] >= 0, run.marks[1] > run.marks[0] else { return .some(nil) }
    var number = 0
    for scalar in scalars[run.marks[0]..<run.marks[1]] {
      let (tens, first) = number.multipliedReportingOverflow(by: 10)
      let (sum, second) = tens.addingReportingOverflow(Int(scalar.properties.numericValue ?? 0))
      if first || second { return .some(nil) }
      number = sum
    }
    return .some(number)
  }

  private func run(_ path: String) -> PatternRun? {
    let scalars = Array(path.unicodeScalars)
    guard scalars.count <= ModulePattern.nameLimit else { return nil }
    return PatternRun(program, scalars, budget: ModulePattern.budget)
  }

  // MARK: - Plain endings

  /// Whether a text has letters, digits, `_`, `-` and dots alone, as names of modules do.
  static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy(isPlain) }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// Whether a path of plain bytes ends in the pattern, at its start or after a dot; nil for other paths.
  private static func ends(_ path: [UInt8], in pattern: [UInt8]) -> Bool? {
    guard path.allSatisfy(isPlain) else { return nil }
    let start = path.count - pattern.count
    guard start == 0 || start > 0 && path[start - 1] == UInt8(ascii: ".") else { return false }
    return zip(path[start...], pattern).allSatisfy { $1 == UInt8(ascii: ".") || $0 == $1 }
  }
}
