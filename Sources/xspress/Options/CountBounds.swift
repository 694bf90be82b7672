import ArgumentParser

/// The numbers that options take: each is multiplied, allocated or waited for somewhere.
///
/// The manifest has the same bounds (`formats/manifest.md`).
enum CountBounds {
  /// Rows, examples, directions to look at.
  static let items = 1...1_000_000_000
  /// Optimiser steps.
  static let steps = 1...10_000_000
  /// Examples a step.
  static let batch = 1...65_536
  /// Texts that a model writes.
  static let texts = 1...10_000_000
  /// Tokens of a text.
  static let tokens = 1...1_000_000
  /// Directions of a module.
  static let rank = 1...1_000_000
  /// Threads asked for; how many are used is another question.
  static let threads = 1...65_536

  /// Refuses a value that is not in `bounds`; nil passes.
  static func check(_ option: String, _ value: Int?, _ bounds: ClosedRange<Int>) throws {
    guard let value, !bounds.contains(value) else { return }
    throw ValidationError(
      "--\(option) is \(value), expected \(bounds.lowerBound) to \(bounds.upperBound)")
  }
}
