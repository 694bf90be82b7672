import Dispatch
public import Faults
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The one writer of progress and warnings; safe to call from any thread.
///
/// On a terminal the most recently started unfinished task owns the live line, or each of several places the live line of
/// the most recent one in it; notes and finished tasks scroll above them. Warnings are shown whatever the style, unless the log is quiet, and kept for
/// the documents of `--json`.
public final class ProgressLog: Sendable {
  /// How progress is shown.
  public let style: ProgressStyle
  /// Whether warnings are kept but not shown.
  public let isQuiet: Bool

  private struct Shared {
    var tasks: [Int: ProgressState] = [:]
    var nextIdentifier = 0
    /// Live lines on the terminal now, the cursor at the end of the last one.
    var liveLines = 0
    var lastDrawn = -Double.infinity
    var isBeating = false
    var warnings: [Warning] = []
  }

  private static let redrawInterval = 0.1
  /// Seconds between two lines of a task, where they are read as a log.
  public static let lineInterval = 5.0
  /// Where nothing moves, a line says so this often: a log that is read from afar shows life.
  private static let longestSilence = 60.0

  private let hasPlaces: Bool
  private let lineInterval: Double
  private let shared = Mutex(Shared())
  private let clock: ProgressClock
  private let width: @Sendable () -> Int
  private let sink: @Sendable (String) -> Void

  /// Creates a log.
  ///
  /// - Parameters:
  ///   - style: How progress is shown.
  ///   - isQuiet: Whether warnings are kept only.
  ///   - hasPlaces: Whether every place of tasks has a live line; else there is one for all of them.
  ///   - lineInterval: Seconds between two lines of a task.
  ///   - clock: Where times come from.
  ///   - width: Columns of the terminal, asked at every redraw.
  ///   - sink: Where text goes; stderr unless a test says otherwise. Called with the log locked.
  public init(
    style: ProgressStyle, isQuiet: Bool = false, hasPlaces: Bool = false,
    lineInterval: Double = ProgressLog.lineInterval, clock: ProgressClock = .system,
    width: @escaping @Sendable () -> Int = ProgressLog.terminalWidth,
    sink: @escaping @Sendable (String) -> Void = ProgressLog.writeToStandardError
  ) {
    self.style = style
    self.isQuiet = isQuiet
    self.hasPlaces = hasPlaces
    self.lineInterval = lineInterval
    self.clock = clock
    self.width = width
    self.sink = sink
  }

  /// A log that says nothing.
  public static let silent = ProgressLog(style: .none, isQuiet: true)

  /// What was warned of so far.
  public var warnings: [Warning] { shared.withLock { $0.warnings } }

  /// Starts a counted piece of work.
  ///
  /// - Parameters:
  ///   - title: What is done, such as `evaluating tuned`.
  ///   - total: How many items there are; 0 shows as complete.
  ///   - unit: What is counted, in the plural, such as `examples`.
  ///   - resumedAt: Items that were done before this run started.
  ///   - place: Its live line, from above, in a log that has several.
  public func task(
    _ title: String, total: Int, unit: String = "", resumedAt: Int = 0, place: Int = 0
  ) -> ProgressTask {
    let now = clock.seconds()
    let identifier = shared.withLock { shared in
      defer { shared.nextIdentifier += 1 }
      guard style != .none else { return shared.nextIdentifier }
      let state = ProgressState(
        title: ProgressText.safe(title), unit: ProgressText.safe(unit), total: total, started: now,
        resumedAt: resumedAt, place: place, completed: resumedAt, lastShown: now)
      shared.tasks[shared.nextIdentifier] = state
      show(state, event: "start", now: now, in: &shared)
      startBeating(&shared)
      return shared.nextIdentifier
    }
    return ProgressTask(log: self, identifier: identifier)
  }

  /// Says one thing once.
  public func note(_ message: String) {
    guard style != .none else { return }
    say(message, event: "note")
  }

  /// Says what deserves attention, one line a kind, and keeps it in ``warnings``.
  ///
  /// - Parameter subject: The file or job that all of them are about, where that is not plain.
  public func warn(_ warnings: [Warning], about subject: String? = nil) {
    shared.withLock { $0.warnings.append(contentsOf: warnings) }
    guard !isQuiet else { return }
    let prefix = subject.map { Fault.escaped($0, limit: 160) + ": " } ?? ""
    for line in warnings.lines { say(prefix + line, event: "warning") }
  }

  /// Shows the newest task that has been silent for a minute; called by a timer of the log.
  public func beat() {
    let now = clock.seconds()
    shared.withLock { shared in
      guard let (identifier, state) = shared.tasks.max(by: { $0.key < $1.key }),
        now - state.lastShown >= ProgressLog.longestSilence
      else { return }
      shared.tasks[identifier]?.lastShown = now
      show(state, event: "progress", now: now, in: &shared)
    }
  }

  /// Lines and objects are read from afar, where a live line is none; a queue of its own is served although
  /// all cores compute.
  private func startBeating(_ shared: inout Shared) {
    guard style == .plain || style == .json, !shared.isBeating else { return }
    shared.isBeating = true
    ProgressLog.schedule(self, on: DispatchQueue(label: "progress", qos: .utility))
  }

  private static func schedule(_ log: ProgressLog, on queue: DispatchQueue) {
    queue.asyncAfter(deadline: .now() + longestSilence / 6) { [weak log] in
      guard let log else { return }
      log.beat()
      schedule(log, on: queue)
    }
  }

  func change(_ identifier: Int, _ body: (inout ProgressState) -> Void) {
    guard style != .none else { return }
    let now = clock.seconds()
    shared.withLock { shared in
      guard var state = shared.tasks[identifier] else { return }
      body(&state)
      // Several lines are drawn together, however many of them change.
      let isDue =
        style == .bar
        ? now - (hasPlaces ? shared.lastDrawn : state.lastShown) >= ProgressLog.redrawInterval
        : now - state.lastShown >= lineInterval
      if isDue { state.lastShown = now }
      shared.tasks[identifier] = state
      if isDue { show(state, event: "progress", now: now, in: &shared) }
    }
  }

  func finish(_ identifier: Int, detail: String?, isPart: Bool) {
    guard style != .none else { return }
    let now = clock.seconds()
    shared.withLock { shared in
      guard var state = shared.tasks.removeValue(forKey: identifier) else { return }
      if let detail { state.detail = ProgressText.safe(detail) }
      if style == .json {
        sink(ProgressJSON.task(state, event: "finish", now: now, stamp: clock.stamp()) + "\n")
      } else if style != .bar || !isPart {
        emit(ProgressText.finished(state, now: now), in: &shared)
      }
      // The task that was below this one gets the live line back.
      if style == .bar { draw(now, in: &shared) }
    }
  }

  /// Repeats what another process said in a note or a warning, whose document has it already.
  public func relay(_ message: String, isWarning: Bool) {
    guard isWarning ? !isQuiet : style != .none else { return }
    say(message, event: isWarning ? "warning" : "note")
  }

  private func say(_ message: String, event: String) {
    shared.withLock { shared in
      if style == .json {
        sink(ProgressJSON.message(message, event: event, stamp: clock.stamp()) + "\n")
      } else {
        let prefix = event == "warning" ? "warning: " : ""
        emit(prefix + ProgressText.message(message), in: &shared)
        if style == .bar, hasPlaces { draw(clock.seconds(), in: &shared) }
      }
    }
  }

  private func show(_ state: ProgressState, event: String, now: Double, in shared: inout Shared) {
    switch style {
    case .none: break
    case .json: sink(ProgressJSON.task(state, event: event, now: now, stamp: clock.stamp()) + "\n")
    case .plain: emit(ProgressText.plain(state, now: now), in: &shared)
    case .bar: draw(now, in: &shared)
    }
  }

  /// Draws the live lines anew: of each place, the newest task's.
  private func draw(_ now: Double, in shared: inout Shared) {
    var newest: [Int: (identifier: Int, state: ProgressState)] = [:]
    for (identifier, state) in shared.tasks {
      let place = hasPlaces ? state.place : 0
      if let known = newest[place], known.identifier > identifier { continue }
      newest[place] = (identifier, state)
    }
    guard !newest.isEmpty else { return }
    let columns = width()
    let lines = newest.sorted { $0.key < $1.key }.map {
      ProgressText.bar($0.value.state, now: now, width: columns)
    }
    sink(ProgressLog.clear(shared.liveLines) + lines.joined(separator: "\n"))
    shared.liveLines = lines.count
    shared.lastDrawn = now
  }

  /// Writes one line that stays, taking the live line away first.
  private func emit(_ text: String, in shared: inout Shared) {
    let stamp = style == .plain ? clock.stamp() + " " : ""
    sink((shared.liveLines > 0 ? ProgressLog.clear(shared.liveLines) : "") + stamp + text + "\n")
    shared.liveLines = 0
  }

  /// Takes `lines` live lines away: back to the start of the first of them, and everything from there.
  private static func clear(_ lines: Int) -> String {
    lines > 1 ? "\r\u{1b}[\(lines - 1)A\u{1b}[J" : "\r\u{1b}[K"
  }
}
