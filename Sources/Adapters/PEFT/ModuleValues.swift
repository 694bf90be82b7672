import Faults
import JSON

/// `rank_pattern` or `alpha_pattern`: values by patterns of module paths, and what all others have
/// (`formats/peft.md` §3.1).
struct ModuleValues<Value: Equatable & Sendable>: Sendable {
  let standard: Value
  private let patterns: [(pattern: ModulePattern, value: Value)]

  /// Reads the member; `read` makes a value of an entry.
  ///
  /// - Throws: 69, 65 `AD-PATTERN` for an expression that cannot be evaluated, unless nothing hangs on it.
  init(
    _ field: JSONField, standard: Value, _ read: (JSONField) throws(Fault) -> Value
  ) throws(Fault) {
    self.standard = standard
    guard field.isPresent else {
      patterns = []
      return
    }
    let entries = try field.fields().map { (key, entry) throws(Fault) in
      (key: key, value: try read(entry))
    }
    // Where every entry says what all modules have, it does not matter which modules are meant.
    guard entries.contains(where: { $0.value != standard }) else {
      patterns = []
      return
    }
    patterns = try entries.map { (entry) throws(Fault) in
      (try ModulePattern(entry.key, .ending), entry.value)
    }
  }

  /// The value of a module: that of the first pattern that covers it.
  ///
  /// - Throws: 69 `AD-PATTERN` for an expression that takes too long.
  func of(_ module: String) throws(Fault) -> Value {
    try entry(of: module)?.value ?? standard
  }

  /// The value of a module as PEFT before 0.14 looked it up: under the key that covers it in `other` first, and
  /// only where there is none under a key of its own.
  ///
  /// - Throws: as ``of(_:)``.
  func of<Other>(_ module: String, after other: ModuleValues<Other>) throws(Fault) -> Value {
    guard let key = try other.entry(of: module)?.pattern.text else { return try of(module) }
    return patterns.first { UTF8Key.equalBytes($0.pattern.text, key) }?.value ?? standard
  }

  /// Whether there are patterns at all.
  var isEmpty: Bool { patterns.isEmpty }

  /// The first pattern that covers a module.
  private func entry(
    of module: String
  ) throws(Fault) -> (pattern: ModulePattern, value: Value)? {
    for (pattern, value) in patterns {
      guard let isCovered = pattern.matches(module) else {
        throw Fault(
          .unsupported, "AD-PATTERN",
          "pattern \"\(Fault.escaped(pattern.text, limit: 96))\" takes more than "
            + "\(ModulePattern.budget) steps: list the modules by name")
      }
      if isCovered { return (pattern, value) }
    }
    return nil
  }
}
