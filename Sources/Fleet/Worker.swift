import Faults
import Files
import Foundation
import JSON

/// One worker process.
///
/// Its time limits are kept by this process: one that is stopped (SIGSTOP) or hangs cannot keep its own.
final class Worker {
  private let process = Process()
  private let output = Pipe()
  private let input = Pipe()
  private var pending: [UInt8] = []
  /// When the request to stop was passed on.
  private var requested: ContinuousClock.Instant?
  private let jobSeconds: Int?
  private var isLate = false
  /// A worker that is asked to end does so within four seconds, or never.
  private static let patience = Duration.milliseconds(4300)
  /// Why it ended before its orders were done, if it said so.
  private(set) var fault: Fault?

  /// Starts a process.
  ///
  /// - Parameter jobSeconds: Seconds that an order may take; nil for no limit.
  /// - Throws: 71 `BATCH-WORKER` where the system starts none.
  init(arguments: [String], jobSeconds: Int?) throws(Fault) {
    self.jobSeconds = jobSeconds
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    // Swift prints pages about a crash; its job's record says what matters in a line.
    var environment = ProcessInfo.processInfo.environment
    if environment["SWIFT_BACKTRACE"] == nil { environment["SWIFT_BACKTRACE"] = "enable=no" }
    process.environment = environment
    do {
      try process.run()
      try output.fileHandleForWriting.close()
    } catch {
      // The program is this one: what is missing is processes, descriptors or memory.
      throw Fault(
        .resources, "BATCH-WORKER",
        "the worker process did not start: \(Fault.text(errno: Int32(clamping: (error as NSError).code)))"
      )
    }
  }

  /// The process.
  var identifier: Int32 { process.processIdentifier }

  /// How the process ended, once it has.
  var status: WorkerEnd {
    guard !process.isRunning else { return .exit(0) }
    if isLate, let jobSeconds { return .late(Int32(clamping: jobSeconds)) }
    return process.terminationReason == .uncaughtSignal
      ? .signal(process.terminationStatus) : .exit(process.terminationStatus)
  }

  /// Has an order done and reads what comes of it, until the worker waits for the next one or has ended; whether it waits.
  ///
  /// The first request to stop is passed on, once, and so is that its time is over.
  func run(
    _ order: WorkerOrder, result: (JobResult) -> Void, log: (JSONValue) -> Void
  ) -> Bool {
    send(order.json.text())
    let begin = ContinuousClock.now
    let descriptor = output.fileHandleForReading.fileDescriptor
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      passSignal()
      if let jobSeconds, requested == nil, ContinuousClock.now - begin > .seconds(jobSeconds) {
        isLate = true
        request(SIGTERM)
      }
      while let line = nextLine() {
        guard let value = try? JSONValue.parse(line) else { continue }
        // Asked to end, it takes no other order.
        if value["idle"] != nil, !isLate { return true }
        if let words = value["log"] {
          log(words)
        } else if let ended = value["ended"] {
          fault = try? Fault(json: JSONField(ended, code: "BATCH-WORKER"))
        } else if let found = try? JobResult(line: value) {
          // That it was asked to stop says nothing of a job that took too long.
          if !isLate || found.fault?.code != Interruption.code { result(found) }
        }
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 20) > 0 else { continue }
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      pending += buffer.prefix(count)
    }
    waitForEnd()
    return false
  }

  /// Lets the process go.
  func end() {
    send(WorkerProcess.end)
    try? input.fileHandleForWriting.close()
    waitForEnd()
  }

  private func waitForEnd() {
    while process.isRunning {
      passSignal()
      usleep(5_000)
    }
    process.waitUntilExit()
  }

  private func nextLine() -> [UInt8]? {
    guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { pending.removeSubrange(...end) }
    return Array(pending[..<end])
  }

  /// A worker that is gone is noticed where its output ends.
  private func send(_ line: String) {
    try? input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
  }

  private func passSignal() {
    if requested == nil, let signal = Interruption.signal { request(signal) }
    // What is stopped, or does not listen, is ended all the same.
    if let requested, ContinuousClock.now - requested > Worker.patience {
      kill(process.processIdentifier, SIGKILL)
    }
  }

  private func request(_ signal: Int32) {
    kill(process.processIdentifier, signal)
    requested = .now
  }
}
