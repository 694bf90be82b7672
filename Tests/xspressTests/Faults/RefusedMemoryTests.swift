import Files
import Foundation
import TestSupport
import Testing

/// Memory that the system refuses, at every place where it is asked for (`formats/errors.md` §7.8).
@Suite struct RefusedMemoryTests {
  /// Of a batch the worker ends at its job, and the batch says whose it was.
  private static let words = ["MEM-ALLOC", "JOB-CRASH", "BATCH-WORKER"]

  private func check(_ outcome: Tool.Outcome, at place: Int) {
    #expect(outcome.status == 71, "\(place): \(outcome.status) \(outcome.errors.prefix(600))")
    #expect(outcome.faultLines.count == 1, "\(place): \(outcome.errors.prefix(600))")
    let line = outcome.faultLines.last ?? ""
    #expect(line.hasPrefix("error: ") && line.utf8.count <= 400, "\(place): \(line)")
    #expect(Self.words.contains { line.hasSuffix(": \($0)") }, "\(place): \(line)")
  }

  /// An adapter of a few kilobytes is inspected without a large request.
  static let large = FaultyCommand.all.filter { $0.name != "inspect of an adapter" }

  @Test(.timeLimit(.minutes(10)), arguments: large)
  func everyLargeRequestEndsInOneLine(command: FaultyCommand) throws {
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      let fault = MachineFault(call: "memory", numbers: [ENOMEM], leastByteCount: 64 << 10)
      let loop = try FaultLoop(command, fault, in: folder)
      let count = try loop.run { outcome, place in check(outcome, at: place) }
      #expect(count > 0)
    }
  }

  /// Of the many small ones, most of them Swift's own, one in ever more.
  @Test(.timeLimit(.minutes(10)), arguments: [FaultyCommand.convert, .tune, .batch, .report])
  func smallRequestsDoSoToo(command: FaultyCommand) throws {
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      let loop = try FaultLoop(command, MachineFault(call: "memory", numbers: [ENOMEM]), in: folder)
      let count = try loop.run(next: { $0 + $0 / 3 + 1 }) { outcome, place in
        check(outcome, at: place)
      }
      #expect(count > 20)
    }
  }
}
