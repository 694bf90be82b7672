import Files
import Foundation
import JSON
import TestSupport
import Testing

/// A batch works in a process of its own: what ends that process ends one job.
@Suite struct BatchWorkerTests {
  /// Jobs that are done together: one of them is to blame, and the others find out what they come to.
  @Test func aGroupThatIsKilledIsBisected() throws {
    try withTemporaryDirectory { folder in
      let (batch, output, first) = try BusyBatch.start(folder, doomed: ["a", "b"])
      #expect(try String(contentsOfFile: "\(folder)/run/running", encoding: .utf8) == "a\nb")
      kill(first, SIGKILL)
      kill(try BusyBatch.worker(of: batch, folder) { $0 == "a" }, SIGKILL)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "failed", "done"])
      let errors = jobs.map { $0["error"]?.stringValue ?? "" }
      #expect(errors[0].hasSuffix("JOB-CRASH") && !errors[1].hasSuffix("JOB-CRASH"), "\(errors)")
    }
  }

  /// Killed most likely means out of memory; any other signal is a crash.
  @Test(arguments: [(SIGKILL, 71), (SIGILL, 70)] as [(Int32, Int32)])
  func aWorkerThatDiesCostsOneJob(signal: Int32, status: Int32) throws {
    try withTemporaryDirectory { folder in
      let (batch, output, worker) = try BusyBatch.start(folder)
      kill(worker, signal)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "done"])
      #expect(jobs.first?["error"]?.stringValue?.hasSuffix("JOB-CRASH") == true)
      #expect(batch.terminationStatus == status)
      let record = try JSONValue.parse(
        try InputFile("\(folder)/run/jobs/doomed/record.json").readAll(limit: 1 << 20))
      #expect(record["failure"]?["exit_code"]?.intValue == Int(status))
      #expect(Paths.kind(of: "\(folder)/run/running") == .missing)
    }
  }

  @Test func aWorkerEndsWithItsSupervisor() throws {
    try withTemporaryDirectory { folder in
      let (batch, _, worker) = try BusyBatch.start(folder)
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
      let (batch, _, _) = try BusyBatch.start(folder)
      kill(batch.processIdentifier, SIGTERM)
      batch.waitUntilExit()
      #expect(batch.terminationReason == .exit && batch.terminationStatus == 75)
    }
  }

  /// Killed while another worker runs, it may have been for the memory of both: the job is tried once more without the other.
  @Test func aJobKilledBesideOthersIsTriedAgainAlone() throws {
    try withTemporaryDirectory { folder in
      try BusyBatch.makeBigBase(folder)
      let adapter = Checkout.path("golden/tiny/adapter")
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {big: {path: big.safetensors}}
          adapters:
            - {path: \(adapter), name: a, rank: 4}
            - {path: \(adapter), name: b, rank: 6}
          """)
      let batch = Process()
      batch.executableURL = URL(fileURLWithPath: Tool.path)
      batch.arguments = [
        "batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--json", "--log", "none", "--workers",
        "2",
      ]
      batch.environment = ProcessInfo.processInfo.environment.merging(
        ["XDG_CACHE_HOME": "\(folder)/cache"]
      ) { $1 }
      let (output, errors) = (Pipe(), Pipe())
      batch.standardOutput = output
      batch.standardError = errors
      try batch.run()
      func marker(_ name: String) -> String? {
        try? String(contentsOfFile: "\(folder)/run/\(name)", encoding: .utf8)
      }
      var slot: String?
      while batch.isRunning, slot == nil {
        let texts = [marker("running"), marker("running-1")]
        if Set(texts) == ["a", "b"] { slot = texts[0] == "a" ? "0" : "1" }
        usleep(2_000)
      }
      let victim = try #require(
        BusyBatch.children(of: batch.processIdentifier).first { child in
          let words = try? String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8)
          return words?.contains("--worker\0\(slot ?? "")\0") ?? false
        })
      kill(victim, SIGKILL)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      let said = String(
        decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "failed"])
      // What is wrong with the base was found out after all, by the second worker.
      #expect(jobs.allSatisfy { $0["error"]?.stringValue?.contains("JOB-CRASH") == false })
      #expect(said.contains("JOB-AGAIN"), "\(said)")
    }
  }

  /// What is expected not to fit runs alone, and says so; what it took is in its record.
  @Test func jobsThatFitNowhereRunAlone() throws {
    let adapter = Checkout.path("golden/tiny/adapter")
    try withTemporaryDirectory { folder in
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(Checkout.path("golden/tiny/model"))}}
          adapters:
            - {path: \(adapter), name: a, rank: 4}
            - {path: \(adapter), name: b, rank: 6}
          """)
      let arguments = ["batch", "\(folder)/m.yaml", "-o", "\(folder)/run", "--workers", "2"]
      let run = try Tool.run(arguments + ["--memory", "64MB"], cache: "\(folder)/cache")
      #expect(run.status == 0, "\(run.errors)")
      // The second is expected to take what the first took, which may well fit.
      let warnings = run.errorLines.count { $0.contains("MEM-ESTIMATE") }
      #expect((1...2).contains(warnings), "\(run.errors)")
      for name in ["a", "b"] {
        let record = try JSONValue.parse(
          try InputFile("\(folder)/run/jobs/\(name)/record.json").readAll(limit: 1 << 20))
        let peak = try #require(record["peak_bytes"]?.intValue)
        #expect((1 << 20..<1 << 33).contains(peak))
      }
    }
  }
}
