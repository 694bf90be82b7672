import Faults

/// The wording of progress: durations, bars and lines, free of state.
enum ProgressText {
  /// `7` as `07`; longer numbers unchanged.
  static func twoDigits(_ number: Int) -> String {
    number >= 0 && number < 10 ? "0\(number)" : String(number)
  }

  /// Seconds as `0:07`, `12:34` or `1:02:03`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-:--" }
    let whole = Int(seconds.rounded())
    let tail = twoDigits(whole % 60)
    let minutes = whole / 60
    return minutes < 60
      ? "\(minutes):\(tail)" : "\(minutes / 60):\(twoDigits(minutes % 60)):\(tail)"
  }

  /// One live line of at most `width` columns.
  static func bar(_ state: ProgressState, now: Double, width: Int) -> String {
    let filled = Int((Double(barWidth) * state.fraction).rounded(.down))
    let drawn =
      String(repeating: "#", count: filled) + String(repeating: ".", count: barWidth - filled)
    var line = "\(state.title) [\(drawn)] \(counts(state)) \(duration(state.elapsed(now)))"
    if let left = state.remaining(now) { line += " left \(duration(left))" }
    if !state.detail.isEmpty { line += "  \(state.detail)" }
    // All bytes are ASCII after escaping, so characters are columns.
    return line.count <= width ? line : String(line.prefix(max(width - 3, 0))) + "..."
  }

  /// The text of one plain line, without the time stamp.
  static func plain(_ state: ProgressState, now: Double) -> String {
    var line = "\(state.title): \(counts(state)), \(duration(state.elapsed(now))) elapsed"
    if let left = state.remaining(now) { line += ", \(duration(left)) left" }
    return state.detail.isEmpty ? line : line + ", \(state.detail)"
  }

  /// The line that remains when a task is over.
  static func finished(_ state: ProgressState, now: Double) -> String {
    let amount = state.completed == state.total ? "\(state.total)" : counts(state)
    let unit = state.unit.isEmpty ? "" : " \(state.unit)"
    let line = "\(state.title): \(amount)\(unit) in \(duration(state.elapsed(now)))"
    return state.detail.isEmpty ? line : line + ", \(state.detail)"
  }

  /// `text` safe for a terminal and short enough for a line.
  static func safe(_ text: String) -> String { Fault.escaped(text, limit: 96) }

  /// A whole sentence safe for a terminal.
  static func message(_ text: String) -> String { Fault.escaped(text, limit: 400) }

  private static let barWidth = 24

  private static func counts(_ state: ProgressState) -> String {
    let percent = Int((state.fraction * 100).rounded(.down))
    return "\(state.completed)/\(state.total) \(percent)%"
  }
}
