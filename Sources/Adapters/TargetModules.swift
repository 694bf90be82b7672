public import Faults

/// Which modules of a base are adapted where no adapter says so, in the words of PEFT's `target_modules`
/// (`formats/peft.md` §2.4).
///
/// A word of letters, digits, `_`, `-` and dots names modules by the end of their path, any other is an expression that
/// covers whole paths, and ``allLinear`` is all of them.
public struct TargetModules: Sendable {
  /// All linear modules of the decoder's blocks.
  public static let allLinear = "all-linear"

  private enum Entry: Sendable {
    case all
    case ending(String)
    case expression(ModulePattern)
  }

  private let entries: [(text: String, entry: Entry)]

  /// The modules that any of `words` names.
  ///
  /// - Throws: `AD-PATTERN`: 69 for an expression that is not understood, 65 for none.
  public init(_ words: [String]) throws(Fault) {
    entries = try words.map { (word) throws(Fault) in
      if word == TargetModules.allLinear { return (word, .all) }
      if ModulePattern.isPlain(word) { return (word, .ending(word)) }
      return (word, .expression(try ModulePattern(word, .whole)))
    }
  }

  /// The places of those of `paths` that are named.
  ///
  /// - Throws: 64 `AD-TARGET` for a word that names none of them; 69 `AD-PATTERN` for an expression that takes too many
  ///   steps.
  public func places(among paths: [String]) throws(Fault) -> [Int] {
    var found: Set<Int> = []
    for (text, entry) in entries {
      let covered = try paths.map { (path) throws(Fault) in try TargetModules.covers(entry, path) }
      let places = covered.indices.filter { covered[$0] }
      guard !places.isEmpty else {
        throw Fault(
          .usage, "AD-TARGET",
          "\"\(Fault.escaped(text, limit: 96))\" names none of the base's \(paths.count) linear modules, such as "
            + (paths.first ?? "none"))
      }
      found.formUnion(places)
    }
    return found.sorted()
  }

  private static func covers(_ entry: Entry, _ path: String) throws(Fault) -> Bool {
    switch entry {
    case .all: return true
    case .ending(let name): return PEFTTargets.isEnding(name, of: path)
    case .expression(let pattern):
      guard let answer = pattern.matches(path) else {
        throw Fault(
          .unsupported, "AD-PATTERN",
          "pattern \"\(Fault.escaped(pattern.text, limit: 96))\" takes more than \(ModulePattern.budget) steps"
        )
      }
      return answer
    }
  }
}
