/// One named value of a run, as text: a seed, a learning rate, a stage's seconds.
public struct Setting: Hashable, Sendable {
  /// What it is, in plain words, such as `learning rate`.
  public var name: String
  /// Its value, printed in the C locale.
  public var value: String

  /// Creates a setting.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// Creates a setting from a number; `Double` prints its shortest form that reads back the same.
  public init(_ name: String, _ value: some Numeric & CustomStringConvertible) {
    self.init(name, value.description)
  }
}
