import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// A batch, its supervisor or its worker killed at random moments, which then is run again to its end.
///
/// A few moments; 200 with `XSPRESS_FAULTS` set (`make faults`). The seed says which.
@Suite struct KilledBatchTests {
  private static let count =
    ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil ? 200 : 4

  @Test(.timeLimit(.minutes(60))) func endsAsIfNothingHadBeen() throws {
    let command = FaultyCommand.batch
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      func run() throws -> Tool.Outcome {
        try Tool.run(command.arguments(folder), cache: "\(folder)/cache")
      }
      func outputs() throws -> [[UInt8]] {
        try command.outputs.map { try InputFile("\(folder)/\($0)").readAll(limit: 1 << 24) }
      }
      let begin = Date()
      try #require(try run().status == 0)
      let seconds = Date().timeIntervalSince(begin)
      let expected = try outputs()
      var generator = SeededGenerator(seed: 20_261_130)
      var killed = 0
      for _ in 0..<Self.count {
        try? FileManager.default.removeItem(atPath: "\(folder)/run")
        try? FileManager.default.removeItem(atPath: "\(folder)/cache")
        let batch = Process()
        batch.executableURL = URL(fileURLWithPath: Tool.path)
        batch.arguments = command.arguments(folder)
        batch.environment = ProcessInfo.processInfo.environment.merging(
          ["XDG_CACHE_HOME": "\(folder)/cache"]
        ) { $1 }
        (batch.standardOutput, batch.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try batch.run()
        usleep(UInt32(Double(generator.next() % 1000) / 1000 * seconds * 1e6))
        let worker = BusyBatch.children(of: batch.processIdentifier).first
        let isWorker = generator.next() % 2 == 0
        if let victim = isWorker ? worker : batch.processIdentifier, kill(victim, SIGKILL) == 0 {
          killed += 1
        }
        batch.waitUntilExit()
        // A worker notices that its supervisor is gone, and lets go of what it holds.
        if let worker { BusyBatch.waitForEnd(of: worker) }
        let outcome = try run()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try outputs() == expected)
        let left = try FileManager.default.subpathsOfDirectory(atPath: "\(folder)/run")
          .filter { AtomicFile.isTemporaryName(Paths.name(of: $0)) }
        #expect(left.isEmpty, "\(left)")
      }
      #expect(killed > 0)
      print("killed a batch \(killed) times of \(Self.count)")
    }
  }
}
