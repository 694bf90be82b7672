import Files
import Foundation
import TestSupport
import Testing

/// SIGKILL in place of a call that changes what is on disk: an output is whole or absent, and the next run goes on.
///
/// At ever fewer places; at each with `XSPRESS_FAULTS` set (`make faults`). Of a batch either process may be the one.
@Suite struct KilledCommandTests {
  private static let isWhole = ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil

  @Test(
    .timeLimit(.minutes(60)), arguments: [FaultyCommand.convert, .tune, .batch, .report])
  func nothingIsLostOrTorn(command: FaultyCommand) throws {
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      let loop = try FaultLoop(command, .kill, in: folder)
      let count = try loop.run(next: { Self.isWhole ? $0 + 1 : 2 * $0 + 3 }) { outcome, place in
        let words = "killed at \(place): \(outcome.status) \(outcome.errors.prefix(600))"
        // A worker may be the one that was killed: its job was tried again, or says so.
        #expect(
          outcome.status == SIGKILL
            || command.name == "batch" && [0, 71].contains(outcome.status), "\(words)")
        #expect(outcome.faultLines.count <= 1, "\(words)")
      }
      #expect(count > 3)
      print("killed \(command): \(count) places")
    }
  }
}
