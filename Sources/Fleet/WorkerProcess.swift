public import Faults
import Files
import Foundation
import JSON
import Synchronization

/// The side of ``WorkerSupervisor`` that works: orders come in, results and words of the log go out, a line each.
public enum WorkerProcess {
  /// What has come in and is not done yet.
  private struct Inbox {
    var lines: [[UInt8]] = []
    /// Whether the supervisor said that no order comes any more.
    var isEnding = false
  }

  private static let inbox = Mutex(Inbox())
  /// Counts lines, and the end.
  private static let arrivals = DispatchSemaphore(value: 0)
  /// Threads of the log and of results write whole lines.
  private static let output = Mutex(())
  private static let longestLine = 64 << 20

  /// Listens for orders.
  ///
  /// When standard input ends before the supervisor said that it would, this process ends at once: nobody would hear the
  /// result. Whatever is being written then is a temporary file, and the same command goes on from what is done.
  static func listen() {
    Thread.detachNewThread {
      var pending: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0, pending.count < longestLine else { break }
        pending += buffer.prefix(count)
        while let stop = pending.firstIndex(of: UInt8(ascii: "\n")) {
          let line = Array(pending[..<stop])
          pending.removeSubrange(...stop)
          inbox.withLock { inbox in
            inbox.lines.append(line)
            if line.elementsEqual(end.utf8) { inbox.isEnding = true }
          }
          arrivals.signal()
        }
      }
      if !inbox.withLock({ $0.isEnding }) { kill(getpid(), SIGKILL) }
    }
  }

  /// The line after which no order comes.
  static let end = "end"

  /// The next order; nil where there will be none, or the process is asked to stop.
  static func order() throws(Fault) -> WorkerOrder? {
    while !Interruption.isRequested {
      guard arrivals.wait(timeout: .now() + .milliseconds(50)) == .success else { continue }
      let line = inbox.withLock { $0.lines.isEmpty ? nil : $0.lines.removeFirst() }
      guard let line, !line.elementsEqual(end.utf8) else { return nil }
      return try WorkerOrder(json: try JSONValue.parse(line))
    }
    return nil
  }

  /// Tells the supervisor what became of a job.
  static func tell(_ result: JobResult) { write(result.line.text()) }

  /// Tells the supervisor that an order is done.
  static func tellDone() { write("{\"idle\":true}") }

  /// Tells the supervisor why the worker ends before its orders are done: one line on standard error is the supervisor's.
  public static func tell(_ fault: Fault) {
    write(JSONValue.object(["ended": fault.json]).text())
  }

  /// Hands lines of a log in JSON to the supervisor, which shows them in its own way.
  @Sendable public static func tell(log lines: String) {
    for line in lines.split(separator: "\n") { write("{\"log\":\(line)}") }
  }

  private static func write(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    output.withLock { _ in
      // A supervisor that is gone hears nothing: the end of standard input says so.
      _ = bytes.withUnsafeBytes { SystemCalls.posix.writeAll(STDOUT_FILENO, $0) }
    }
  }
}
