import Files
import Foundation
import JSON
import TestSupport
import Testing

/// A batch works in a process of its own: what ends that process ends one job.
@Suite struct BatchWorkerTests {
  /// Two jobs, the first of which is busy for seconds: its base is a sparse file of 6 GiB, hashed before anything
  /// can be found wrong with it.
  private func start(
    _ folder: String, doomed: [String] = ["doomed"]
  ) throws -> (batch: Process, output: Pipe, worker: Int32) {
    let big = open("\(folder)/big.safetensors", O_CREAT | O_WRONLY, 0o600)
    try #require(big >= 0 && ftruncate(big, 6 << 30) == 0 && close(big) == 0)
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
    batch.arguments = ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json", "--quiet"]
    batch.environment = ProcessInfo.processInfo.environment.merging(
      ["XDG_CACHE_HOME": "\(folder)/cache"]
    ) { $1 }
    let output = Pipe()
    batch.standardOutput = output
    batch.standardError = Pipe()
    try batch.run()
    return (batch, output, try worker(of: batch, folder))
  }

  /// The worker that is at a job now; at jobs that `isMeant` accepts.
  private func worker(
    of batch: Process, _ folder: String, isMeant: (String) -> Bool = { _ in true }
  ) throws -> Int32 {
    while batch.isRunning {
      let text = try? String(contentsOfFile: "\(folder)/run/running", encoding: .utf8)
      if let text, isMeant(text) { break }
      usleep(2_000)
    }
    let pid = batch.processIdentifier
    let children = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    return try #require(Int32(children.trimmingCharacters(in: .whitespaces)))
  }

  /// Jobs that are done together: one of them is to blame, and the others find out what they come to.
  @Test func aGroupThatIsKilledIsBisected() throws {
    try withTemporaryDirectory { folder in
      let (batch, output, first) = try start(folder, doomed: ["a", "b"])
      #expect(try String(contentsOfFile: "\(folder)/run/running", encoding: .utf8) == "a\nb")
      kill(first, SIGKILL)
      kill(try worker(of: batch, folder) { $0 == "a" }, SIGKILL)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "failed", "done"])
      let errors = jobs.map { $0["error"]?.stringValue ?? "" }
      #expect(errors[0].hasSuffix("JOB-CRASH") && !errors[1].hasSuffix("JOB-CRASH"), "\(errors)")
    }
  }

  @Test func aWorkerThatIsKilledCostsOneJob() throws {
    try withTemporaryDirectory { folder in
      let (batch, output, worker) = try start(folder)
      kill(worker, SIGKILL)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "done"])
      #expect(jobs.first?["error"]?.stringValue?.hasSuffix("JOB-CRASH") == true)
      // Killed most likely means out of memory.
      #expect(batch.terminationStatus == 71)
      let record = try JSONValue.parse(
        try InputFile("\(folder)/run/jobs/doomed/record.json").readAll(limit: 1 << 20))
      #expect(record["failure"]?["exit_code"]?.intValue == 71)
      #expect(Paths.kind(of: "\(folder)/run/running") == .missing)
    }
  }

  @Test func aWorkerEndsWithItsSupervisor() throws {
    try withTemporaryDirectory { folder in
      let (batch, _, worker) = try start(folder)
      kill(batch.processIdentifier, SIGKILL)
      batch.waitUntilExit()
      var waited = 0
      while kill(worker, 0) == 0 && waited < 500 {
        usleep(20_000)
        waited += 1
      }
      #expect(waited < 500, "the worker still runs")
    }
  }

  @Test func aRequestToStopReachesTheWorker() throws {
    try withTemporaryDirectory { folder in
      let (batch, _, _) = try start(folder)
      kill(batch.processIdentifier, SIGTERM)
      batch.waitUntilExit()
      #expect(batch.terminationReason == .exit && batch.terminationStatus == 75)
    }
  }
}
