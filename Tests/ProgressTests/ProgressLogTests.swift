import Faults
import Progress
import Synchronization
import Testing

/// A log whose text and time the test holds.
private final class Recorder: Sendable {
  let text = Mutex("")
  let now = Mutex(100.0)

  func log(_ style: ProgressStyle, width: Int = 79, isQuiet: Bool = false) -> ProgressLog {
    ProgressLog(
      style: style, isQuiet: isQuiet,
      clock: ProgressClock(
        seconds: { self.now.withLock { $0 } }, stamp: { "2026-01-31T12:00:00Z" }),
      width: { width }, sink: { added in self.text.withLock { $0 += added } })
  }

  func wait(_ seconds: Double) { now.withLock { $0 += seconds } }

  func take() -> String {
    text.withLock { text in
      defer { text = "" }
      return text
    }
  }
}

@Suite struct ProgressLogTests {
  @Test func barShowsPaceAndTimeLeft() {
    let recorder = Recorder()
    let task = recorder.log(.bar).task("converting", total: 100, unit: "modules")
    #expect(recorder.take() == "\r\u{1b}[Kconverting [........................] 0/100 0% 0:00")
    recorder.wait(10)
    task.update(completed: 25, detail: "layer 3")
    #expect(
      recorder.take()
        == "\r\u{1b}[Kconverting [######..................] 25/100 25% 0:10 left 0:30  layer 3")
    recorder.wait(30)
    task.update(completed: 100, detail: "")
    _ = recorder.take()
    task.finish()
    #expect(recorder.take() == "\r\u{1b}[Kconverting: 100 modules in 0:40\n")
  }

  @Test func redrawsAreLimited() {
    let recorder = Recorder()
    let task = recorder.log(.bar).task("x", total: 1000)
    _ = recorder.take()
    for _ in 0..<500 { task.advance() }
    #expect(recorder.take() == "")
    recorder.wait(0.2)
    task.advance()
    #expect(recorder.take().contains("501/1000 50%"))
  }

  @Test func resumedWorkIsNotPace() {
    let recorder = Recorder()
    let task = recorder.log(.bar).task("tuning", total: 100, resumedAt: 50)
    recorder.wait(10)
    task.update(completed: 60)
    #expect(recorder.take().contains("60/100 60% 0:10 left 0:40"))
  }

  @Test func plainLinesAreStampedAndSparse() {
    let recorder = Recorder()
    let log = recorder.log(.plain)
    let task = log.task("evaluating", total: 500, unit: "examples")
    recorder.wait(1)
    task.update(completed: 10)
    recorder.wait(5)
    task.update(completed: 250)
    log.warn([Warning("RANK-CLIP", "rank clipped")])
    task.finish(detail: "accuracy 0.9")
    #expect(
      recorder.take() == """
        2026-01-31T12:00:00Z evaluating: 0/500 0%, 0:00 elapsed
        2026-01-31T12:00:00Z evaluating: 250/500 50%, 0:06 elapsed, 0:06 left
        2026-01-31T12:00:00Z warning: rank clipped: RANK-CLIP
        2026-01-31T12:00:00Z evaluating: 250/500 50% examples in 0:06, accuracy 0.9

        """)
  }

  @Test func objectsAreOneALine() {
    let recorder = Recorder()
    let log = recorder.log(.json)
    log.note("a \"quoted\" \\ name")
    let task = log.task("x", total: 2, unit: "jobs")
    recorder.wait(5)
    task.advance()
    let lines = recorder.take().split(separator: "\n")
    #expect(lines.count == 3)
    #expect(
      lines[0]
        == #"{"time":"2026-01-31T12:00:00Z","event":"note","message":"a \"quoted\" \\ name"}"#)
    #expect(lines[2].hasSuffix(#""unit":"jobs","elapsed_seconds":5.0,"eta_seconds":5.0}"#))
  }

  @Test func namesFromFilesAreEscaped() {
    let recorder = Recorder()
    let log = recorder.log(.plain)
    log.note("bad\u{1b}[31m\nname")
    #expect(recorder.take() == "2026-01-31T12:00:00Z bad\\x1b[31m\\x0aname\n")
  }

  @Test func longLinesAreCutToTheTerminal() {
    let recorder = Recorder()
    _ = recorder.log(.bar, width: 40).task(String(repeating: "n", count: 90), total: 3)
    let line = recorder.take().dropFirst("\r\u{1b}[K".count)
    #expect(line.count == 40)
    #expect(line.hasSuffix("..."))
  }

  @Test func finishingGivesTheLineBack() {
    let recorder = Recorder()
    let log = recorder.log(.bar)
    let outer = log.task("outer", total: 2)
    let inner = log.task("inner", total: 1)
    _ = recorder.take()
    inner.finish()
    #expect(recorder.take().contains("\n\r\u{1b}[Kouter ["))
    outer.finish()
    outer.finish()
    #expect(recorder.take().split(separator: "\n").count == 1)
  }

  /// Two kinds, one of them met twice; the progress itself is off.
  @Test func warningsAreShownWhateverTheStyleAndKept() {
    let recorder = Recorder()
    let warnings = [
      Warning("AD-ZERO", "the update is zero", subject: "q"), Warning("AD-ALPHA", "no alpha"),
      Warning("AD-ZERO", "the update is zero", subject: "k\u{1b}"),
    ]
    let log = recorder.log(.none)
    log.warn(warnings, about: "a/dapter")
    #expect(
      recorder.take() == """
        warning: a/dapter: the update is zero: 2 of them, first q: AD-ZERO
        warning: a/dapter: no alpha: AD-ALPHA

        """)
    #expect(log.warnings == warnings)
    let quiet = recorder.log(.none, isQuiet: true)
    quiet.warn(Array(warnings.suffix(1)))
    #expect(
      recorder.take().isEmpty && quiet.warnings.lines == ["k\\x1b: the update is zero: AD-ZERO"])
  }

  @Test func aLineSaysOnceAMinuteThatWorkGoesOn() {
    let recorder = Recorder()
    let log = recorder.log(.plain)
    let task = log.task("svd", total: 2)
    _ = recorder.take()
    recorder.wait(59)
    log.beat()
    #expect(recorder.take().isEmpty)
    recorder.wait(1)
    log.beat()
    log.beat()
    #expect(recorder.take() == "2026-01-31T12:00:00Z svd: 0/2 0%, 1:00 elapsed\n")
    task.finish()
  }

  @Test func silenceWritesNothing() {
    let recorder = Recorder()
    let log = recorder.log(.none)
    log.note("x")
    log.task("y", total: 1).finish()
    #expect(recorder.take() == "")
  }

  @Test func manyThreadsLoseNoItem() async {
    let recorder = Recorder()
    let log = recorder.log(.plain)
    let task = log.task("parallel", total: 800)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { for _ in 0..<100 { task.advance() } } }
    }
    task.finish()
    #expect(recorder.take().hasSuffix("parallel: 800 in 0:00\n"))
  }

  @Test(arguments: [
    (String?.none, false, true, ProgressStyle?.some(.bar)),
    (nil, false, false, .plain), (nil, true, false, ProgressStyle.none),
    (nil, true, true, ProgressStyle.none),
    ("plain", false, true, .plain), ("json", false, false, .json),
    ("none", false, true, ProgressStyle.none), ("plain", true, true, ProgressStyle.none),
    ("bar", false, true, nil), ("", false, true, nil),
  ])
  func styleFollowsTheOptions(
    option: String?, isQuiet: Bool, isTerminal: Bool, expected: ProgressStyle?
  ) {
    #expect(
      ProgressStyle.resolved(option: option, isQuiet: isQuiet, isTerminal: isTerminal) == expected)
  }

  /// Two jobs and a total on a terminal: three lines, drawn over each other; what stays scrolls above them.
  @Test func everyPlaceHasALiveLine() {
    let (recorder, screen) = (Recorder(), Screen())
    let log = ProgressLog(
      style: .bar, hasPlaces: true,
      clock: ProgressClock(seconds: { recorder.now.withLock { $0 } }, stamp: { "" }),
      width: { 60 }, sink: { added in recorder.text.withLock { $0 += added } })
    let total = log.task("all", total: 4, unit: "jobs", place: .max)
    let one = log.task("one", total: 1, place: 0)
    let two = log.task("two", total: 1, place: 1)
    recorder.wait(1)
    total.pass(2)
    screen.show(recorder.take())
    #expect(
      screen.lines == [
        "one [........................] 0/1 0% 0:01", "two [........................] 0/1 0% 0:01",
        "all [############............] 2/4 50% 0:01",
      ])
    // A part of a job takes its line over, and gives it back without a trace.
    let part = log.task("one: tune", total: 10, place: 0)
    screen.show(recorder.take())
    #expect(screen.lines[0] == "one: tune [........................] 0/10 0% 0:00")
    part.finish(isPart: true)
    log.note("a note")
    screen.show(recorder.take())
    #expect(screen.lines.count == 4 && screen.lines[0] == "a note")
    #expect(screen.lines[1].hasPrefix("one [") && screen.lines[2].hasPrefix("two ["))
    recorder.wait(1)
    two.finish(detail: "done")
    total.advance()
    recorder.wait(1)
    total.update(completed: 3)
    screen.show(recorder.take())
    #expect(
      screen.lines == [
        "a note", "two: 0/1 0% in 0:02, done", "one [........................] 0/1 0% 0:03",
        "all [##################......] 3/4 75% 0:03 left 0:03",
      ])
    one.finish()
    total.finish()
    log.note("the end")
    screen.show(recorder.take())
    #expect(
      screen.lines == [
        "a note", "two: 0/1 0% in 0:02, done", "one: 0/1 0% in 0:03", "all: 3/4 75% jobs in 0:03",
        "the end",
      ])
  }

  /// What another process said is said again, and not kept: its documents have it.
  @Test func relayedWordsFollowTheStyle() {
    let recorder = Recorder()
    let log = recorder.log(.none)
    log.relay("a note", isWarning: false)
    log.relay("odd: ODD", isWarning: true)
    #expect(recorder.take() == "warning: odd: ODD\n" && log.warnings.isEmpty)
    recorder.log(.none, isQuiet: true).relay("odd: ODD", isWarning: true)
    #expect(recorder.take() == "")
  }
}

/// A terminal of endless height that obeys what a log sends: returns, ends of lines, cursor up, erase to the end of the line or
/// of the screen.
private final class Screen {
  private var rows: [[Character]] = [[]]
  private var row = 0
  private var column = 0

  /// What can be read on it.
  var lines: [String] { rows.map { String($0) }.filter { !$0.isEmpty } }

  func show(_ text: String) {
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "\r": column = 0
      case "\n":
        row += 1
        column = 0
        if row == rows.count { rows.append([]) }
      case "\u{1b}":
        _ = rest.popFirst()
        let count = Int(rest.prefix { $0.isNumber }) ?? 1
        rest = rest.drop { $0.isNumber }
        switch rest.popFirst() {
        case "A": row -= count
        case "K": rows[row].removeSubrange(column...)
        case "J":
          rows[row].removeSubrange(column...)
          rows.removeSubrange((row + 1)...)
        default: Issue.record("an escape that nobody knows")
        }
      default:
        if column < rows[row].count {
          rows[row][column] = character
        } else {
          rows[row].append(character)
        }
        column += 1
      }
    }
  }
}
