import Testing

/// A way in which tools read files wrongly without saying so, and the case that would catch it here.
struct Trap: Sendable, CustomTestStringConvertible {
  /// Its number in the list of forty.
  let number: Int
  /// What goes wrong.
  let title: String
  /// Tests of other targets that catch it, or more of it: a file, and text that must stand in it.
  let elsewhere: [(file: String, text: String)]
  /// The case: throws or records an issue where the trap is fallen into.
  let run: @Sendable () throws -> Void

  var testDescription: String { "\(number). \(title)" }

  init(
    _ number: Int, _ title: String, elsewhere: [(file: String, text: String)] = [],
    _ run: @escaping @Sendable () throws -> Void
  ) {
    (self.number, self.title, self.elsewhere, self.run) = (number, title, elsewhere, run)
  }
}
