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
    for (pattern, value) in patterns {
      guard let isCovered = pattern.matches(module) else {
        throw Fault(
          .unsupported, "AD-PATTERN",
          "the pattern takes more than \(ModulePattern.budget) steps: list the modules by name",
          tensor: pattern.text)
      }
      if isCovered { return value }
    }
    return standard
  }
}
