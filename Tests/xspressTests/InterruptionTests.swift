import Files
import Foundation
import JSON
import TestSupport
import Testing

/// A request to stop: within five seconds, with what was done kept and a word on how to go on.
@Suite struct InterruptionTests {
  private static let names = ["a", "b", "c"]

  /// Jobs that tune for some seconds each.
  private func prepare(_ folder: String) throws {
    let base = try ExportBases.gguf.write(to: folder)
    try AtomicFile.write("\(folder)/rows.jsonl", text: TinyTexts.choices(120))
    let adapter = Checkout.path("golden/tiny/adapter")
    let jobs = Self.names.enumerated().map {
      "  - {path: \(adapter), name: \($1), tune: {steps: \(500 + 300 * $0)}}"
    }
    try AtomicFile.write(
      "\(folder)/m.yaml",
      text: """
        schema: xspress.manifest/1
        bases: {tiny: {path: \(base)}}
        defaults:
          rank: 4
          tune: {data: rows.jsonl, batch_size: 4, validation: 0.2, checkpoint_every: 25}
        adapters:
        \(jobs.joined(separator: "\n"))
        """)
  }

  private func arguments(_ folder: String) -> [String] {
    ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--workers", "2", "--threads", "2"]
  }

  private func bytes(_ folder: String, _ name: String) throws -> [UInt8] {
    try InputFile("\(folder)/run/jobs/\(name)/\(name).loraxs").readAll(limit: 1 << 24)
  }

  /// The moments in which a signal comes, as files that are there then; the last is that of a soft limit of CPU time.
  private static let moments: [(signal: Int32, file: String)] = [
    (SIGTERM, "run/running-1"), (SIGINT, "run/jobs/a/tuning.checkpoint"),
    (SIGHUP, "run/jobs/a/record.json"), (SIGXCPU, "run/jobs/c/tuning.checkpoint"),
  ]

  /// Five seconds, and what a process may wait for a core: tests share the machine.
  private static let patience = 9.0

  @Test func batchesStopInTimeAndGoOn() throws {
    try withTemporaryDirectory { whole in
      try withTemporaryDirectory { cut in
        try prepare(whole)
        try prepare(cut)
        let undisturbed = try Tool.run(arguments(whole), cache: whole)
        #expect(undisturbed.status == 0, "\(undisturbed.errors)")
        for (signal, file) in Self.moments {
          let batch = try Running(arguments(cut) + ["--quiet"], cache: cut)
          // The file may be an earlier run's; with a job under way this one is at it.
          let isReached =
            batch.wait(for: ["\(cut)/\(file)"])
            && batch.wait(for: ["\(cut)/run/running", "\(cut)/run/running-1"])
          #expect(isReached, "it ended before \(file) was there")
          let (status, seconds) = batch.stop(signal)
          #expect(status == 75 && seconds < Self.patience, "\(status) in \(seconds) s at \(file)")
          let lines = batch.errors.split(separator: "\n")
          #expect(lines.count == 1, "\(batch.errors)")
          #expect(lines.first?.contains("go on with: xspress batch") == true, "\(lines)")
        }
        // What had a record is not done again, and the rest goes on where it was.
        let last = try Tool.run(arguments(cut) + ["--log", "plain", "--json"], cache: cut)
        #expect(last.status == 0, "\(last.errors)")
        #expect(last.errors.contains("continuing from step"))
        let jobs = try JSONValue.parse(last.output)["jobs"]?.arrayValue ?? []
        #expect(jobs.first?["state"]?.stringValue == "skipped")
        for name in Self.names { #expect(try bytes(whole, name) == bytes(cut, name), "\(name)") }
      }
    }
  }

  /// Stopped in what cannot be cut short, here a pipe that nobody reads: ended all the same, with its line.
  @Test func whatCannotBeCutShortIsGivenUp() throws {
    try withTemporaryDirectory { folder in
      let stuck = try Running(
        ["inspect", Checkout.path("golden/adapters/clinc-domains-r8"), "--json", "--quiet"],
        cache: folder,
        pipeSize: 4096)
      #expect(stuck.waitUntilStuck(), "it ended before its pipe was full")
      let (status, seconds) = stuck.stop(SIGTERM)
      #expect(status == 75 && (3...Self.patience).contains(seconds), "\(status) in \(seconds) s")
      #expect(stuck.errors.hasPrefix("error: stopped by a signal"), "\(stuck.errors)")
    }
  }
}

/// A run of the tool that can be stopped.
private final class Running {
  private let process = Process()
  private let output = Pipe()
  private let errorPipe = Pipe()
  private(set) var errors = ""

  /// F_SETPIPE_SZ, which Glibc's module leaves out.
  private static let setPipeSize: Int32 = 1031

  init(_ arguments: [String], cache: String, pipeSize: Int32? = nil) throws {
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["XDG_CACHE_HOME": cache]
    ) { $1 }
    if let pipeSize {
      _ = fcntl(output.fileHandleForWriting.fileDescriptor, Running.setPipeSize, pipeSize)
      process.standardOutput = output
    } else {
      process.standardOutput = FileHandle.nullDevice
    }
    process.standardError = errorPipe
    try process.run()
  }

  /// Waits until one of `files` is there; false where the process ends before that.
  func wait(for files: [String]) -> Bool {
    for _ in 0..<60_000 where process.isRunning {
      if files.contains(where: { Paths.kind(of: $0) != .missing }) { return true }
      usleep(1000)
    }
    return false
  }

  /// Waits until its output, a pipe of one page that nobody reads, is full; false where the process ends before that.
  func waitUntilStuck() -> Bool {
    var held: Int32 = 0
    for _ in 0..<60_000 where process.isRunning {
      _ = ioctl(output.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &held)
      if held == 4096 { return true }
      usleep(1000)
    }
    return false
  }

  /// Sends a signal; the exit code and how long it took, 255 for a process that another one ended.
  func stop(_ signal: Int32) -> (status: Int32, seconds: Double) {
    let start = Date()
    kill(process.processIdentifier, signal)
    errors = String(
      decoding: errorPipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let status = process.terminationReason == .exit ? process.terminationStatus : 255
    return (status, Date().timeIntervalSince(start))
  }
}
