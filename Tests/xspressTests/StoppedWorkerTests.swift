import Files
import Foundation
import JSON
import TestSupport
import Testing

/// A worker that neither works nor ends: SIGSTOP, as a debugger or a job control may send it.
@Suite struct StoppedWorkerTests {
  /// It cannot hear a request to stop: its supervisor ends it in time.
  @Test func aRequestToStopDoesNotWaitForIt() throws {
    try withTemporaryDirectory { folder in
      let errors = Pipe()
      let (batch, _, worker) = try BusyBatch.start(folder, errors: errors)
      kill(worker, SIGSTOP)
      let begin = Date()
      kill(batch.processIdentifier, SIGTERM)
      let said = String(
        decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      batch.waitUntilExit()
      let seconds = Date().timeIntervalSince(begin)
      #expect(batch.terminationReason == .exit && batch.terminationStatus == 75)
      // Five seconds, and what a process may wait for a core.
      #expect(seconds < 9, "\(seconds) s")
      #expect(said.split(separator: "\n").count == 1 && said.hasSuffix("RUN-STOPPED\n"), "\(said)")
      #expect(BusyBatch.waitForEnd(of: worker), "the worker is still there")
    }
  }

  /// A job that takes too long fails, can be tried again, and the others are done.
  @Test func aJobHasSoMuchTime() throws {
    try withTemporaryDirectory { folder in
      let (batch, output, worker) = try BusyBatch.start(folder, options: ["--job-time", "6"])
      kill(worker, SIGSTOP)
      let text = output.fileHandleForReading.readDataToEndOfFile()
      batch.waitUntilExit()
      let jobs = try JSONValue.parse(Array(text))["jobs"]?.arrayValue ?? []
      #expect(jobs.map { $0["state"]?.stringValue } == ["failed", "done"])
      let error = jobs.first?["error"]?.stringValue ?? ""
      #expect(error.contains("6 seconds") && error.hasSuffix("JOB-TIME"), "\(error)")
      #expect(batch.terminationReason == .exit && batch.terminationStatus == 75)
      #expect(BusyBatch.waitForEnd(of: worker), "the worker is still there")
    }
  }
}
