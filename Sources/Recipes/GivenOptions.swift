package import Faults

/// What somebody asked for, before defaults: the same from a command line and from a manifest.
package struct GivenOptions {
  /// One option as it was written.
  package struct Value {
    /// Its texts, one unless the field is a list.
    package let texts: [String]
    /// A fault that names the place where it was written.
    package let refusal: (_ reason: String) -> Fault

    /// A value and how to refuse it.
    package init(texts: [String], refusal: @escaping (_ reason: String) -> Fault) {
      self.texts = texts
      self.refusal = refusal
    }
  }

  /// The values by field.
  package var values: [String: Value] = [:]
  /// Sections that were asked for, with or without fields.
  package var sections: Set<String> = []
  /// Whether somebody wrote them for one job alone.
  private(set) var isCommandLine = false
  /// How fields are called where they were written.
  private let name: (Field) -> String
  /// A fault for what is missing.
  private let general: (_ reason: String) -> Fault

  /// No options yet.
  package init(
    name: @escaping (Field) -> String, refusal: @escaping (_ reason: String) -> Fault
  ) {
    self.name = name
    general = refusal
  }

  /// The options of a command line by key, all of them texts.
  ///
  /// - Parameters:
  ///   - isFromScratch: Whether it names no adapter.
  ///   - isComplete: Whether every option is there, needed or not, as a record lists them.
  /// - Throws: Nothing here; what is refused later is 64 `USAGE`.
  package init(
    commandLine: [String: [String]], command: Field.Command, isFromScratch: Bool = false,
    isComplete: Bool = false
  ) {
    self.init(name: { "--" + $0.flag }) { Fault(.usage, "USAGE", $0) }
    isCommandLine = !isComplete
    if isFromScratch { sections.insert("scratch") }
    if command == .tune { sections.insert("tune") }
    for field in Field.all {
      guard let texts = commandLine[field.key], !texts.isEmpty else { continue }
      values[field.key] = Value(texts: texts) { Fault(.usage, "USAGE", "--\(field.flag) \($0)") }
      // The limit alone is of the training examples.
      if let section = field.section { sections.insert(section) }
    }
  }

  func isGiven(_ key: String) -> Bool { values[key] != nil }

  /// What the field of this key is called.
  func name(_ key: String) -> String { Field.byKey[key].map(name) ?? key }

  /// A fault about the field of this key, where it is given.
  func refusal(of key: String, _ reason: String) -> Fault {
    values[key]?.refusal(reason) ?? general("\(name(key)) \(reason)")
  }

  /// A fault about what is not there.
  func missing(_ reason: String) -> Fault { general(reason) }
}
