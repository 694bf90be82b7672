import Files
import Foundation
import TestSupport
import Testing

/// A batch whose first job is busy for seconds, and the processes that it has.
enum BusyBatch {
  /// A sparse file of 6 GiB, which is hashed before anything can be found wrong with it.
  static func makeBigBase(_ folder: String) throws {
    let big = open("\(folder)/big.safetensors", O_CREAT | O_WRONLY, 0o600)
    try #require(big >= 0 && ftruncate(big, 6 << 30) == 0 && close(big) == 0)
  }

  /// Two jobs, the first of which is busy for seconds with its base.
  static func start(
    _ folder: String, doomed: [String] = ["doomed"], options: [String] = [], errors: Pipe = Pipe()
  ) throws -> (batch: Process, output: Pipe, worker: Int32) {
    try makeBigBase(folder)
    let adapter = Checkout.path("golden/tiny/adapter")
    try AtomicFile.write(
      "\(folder)/m.yaml",
      text: """
        schema: xspress.manifest/1
        bases:
          tiny: {path: \(Checkout.path("golden/tiny/model"))}
          big: {path: big.safetensors}
        defaults: {rank: 4}
        adapters:
        \(doomed.map { "  - {path: \(adapter), name: \($0), base: big}" }.joined(separator: "\n"))
          - {path: \(adapter), name: good, base: tiny}
        """)
    let batch = Process()
    batch.executableURL = URL(fileURLWithPath: Tool.path)
    batch.arguments =
      ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json", "--quiet"] + options
    batch.environment = ProcessInfo.processInfo.environment.merging(
      ["XDG_CACHE_HOME": "\(folder)/cache"]
    ) { $1 }
    let output = Pipe()
    batch.standardOutput = output
    batch.standardError = errors
    try batch.run()
    return (batch, output, try worker(of: batch, folder))
  }

  /// The worker that is at a job now; at jobs that `isMeant` accepts.
  static func worker(
    of batch: Process, _ folder: String, isMeant: (String) -> Bool = { _ in true }
  ) throws -> Int32 {
    while batch.isRunning {
      let text = try? String(contentsOfFile: "\(folder)/run/running", encoding: .utf8)
      if let text, isMeant(text) { break }
      usleep(2_000)
    }
    let children = children(of: batch.processIdentifier)
    #expect(children.count == 1)
    return try #require(children.first)
  }

  /// The processes that another has started, each by a thread of its own.
  static func children(of process: Int32) -> [Int32] {
    let tasks = "/proc/\(process)/task"
    return ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).flatMap { task in
      ((try? String(contentsOfFile: "\(tasks)/\(task)/children", encoding: .utf8)) ?? "")
        .split(separator: " ").compactMap { Int32($0) }
    }
  }

  /// Waits until a process is gone, ten seconds at most; whether it is.
  @discardableResult static func waitForEnd(of process: Int32) -> Bool {
    for _ in 0..<500 {
      let state = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      // What nobody has waited for yet is gone all the same.
      guard let state, !state.contains(") Z ") else { return true }
      usleep(20_000)
    }
    return false
  }
}
