/// Something people should know although the work goes on.
///
/// Printed on stderr as `warning: …`, one line a kind with the number of times it was met
/// (`formats/errors.md` §5), and kept in every JSON document.
public struct Warning: Hashable, Sendable {
  /// A short stable word for scripts and tests, such as `AD-ZERO`.
  public var kind: String
  /// What is the case, in words that hold for every subject of the kind.
  public var message: String
  /// The module, tensor or file concerned, if it is about one.
  public var subject: String?

  /// Creates a warning; `subject` may hold any bytes, it is escaped when printed.
  public init(_ kind: String, _ message: String, subject: String? = nil) {
    self.kind = kind
    self.message = message
    self.subject = subject
  }
}

extension Sequence<Warning> {
  /// One line for each kind and message, in the order of their first mention:
  /// `<subject>: <message>: <kind>`, or for several `<message>: <count>, first <subject>: <kind>`.
  public var lines: [String] {
    var order: [Warning] = []
    var subjects: [Warning: [String]] = [:]
    for warning in self {
      let kind = Warning(warning.kind, warning.message)
      if subjects[kind] == nil { order.append(kind) }
      subjects[kind, default: []].append(contentsOf: [warning.subject].compactMap(\.self))
    }
    return order.map { kind in
      let named = subjects[kind] ?? []
      guard let first = named.first.map({ Fault.escaped($0, limit: 96) }) else {
        return "\(kind.message): \(kind.kind)"
      }
      return named.count == 1
        ? "\(first): \(kind.message): \(kind.kind)"
        : "\(kind.message): \(named.count) of them, first \(first): \(kind.kind)"
    }
  }
}
