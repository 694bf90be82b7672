#if canImport(Glibc)
  import Glibc
#endif

/// How progress is shown on stderr (`--log`).
public enum ProgressStyle: String, Hashable, Sendable, CaseIterable {
  /// One live line with a bar, redrawn in place; for terminals.
  case bar
  /// Timestamped lines.
  case plain
  /// One JSON object a line.
  case json
  /// Nothing.
  case none

  /// The style the command line asks for.
  ///
  /// - Parameters:
  ///   - option: The value of `--log` (`plain`, `json` or `none`), if given.
  ///   - isQuiet: Whether `--quiet` was given; wins over everything.
  ///   - isTerminal: Whether stderr is a terminal that can move its cursor.
  /// - Returns: `nil` if `option` is none of the three words.
  public static func resolved(
    option: String?, isQuiet: Bool, isTerminal: Bool = ProgressStyle.standardErrorIsTerminal
  ) -> ProgressStyle? {
    guard let option else { return isQuiet ? ProgressStyle.none : isTerminal ? .bar : .plain }
    guard let style = ProgressStyle(rawValue: option), style != .bar else { return nil }
    return isQuiet ? ProgressStyle.none : style
  }

  /// Whether stderr is a terminal that understands "return to the start of the line".
  public static var standardErrorIsTerminal: Bool {
    guard isatty(STDERR_FILENO) == 1 else { return false }
    guard let term = getenv("TERM") else { return false }
    return String(cString: term) != "dumb"
  }
}
