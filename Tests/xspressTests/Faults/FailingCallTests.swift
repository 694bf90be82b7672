import Files
import Foundation
import TestSupport
import Testing

/// Every call to the file system, failing once at each place where it is made (`formats/errors.md` §3, §4).
///
/// Each place has the next of the call's error numbers (`make faults`, some 3,400 faults); with `XSPRESS_FAULTS=all`
/// (`make faults FAULTS=all`) each has all of them, some 11,700.
@Suite struct FailingCallTests {
  /// A call and the numbers that it fails with.
  struct Failure: Sendable, CustomTestStringConvertible {
    let call: String
    let numbers: [Int32]
    var testDescription: String { call }
  }

  static let failures = [
    Failure(call: "open", numbers: [EMFILE, EIO, EINTR, ENOSPC, EDQUOT, EROFS]),
    Failure(call: "opendir", numbers: [EMFILE, EIO]),
    Failure(call: "readdir", numbers: [EIO]),
    Failure(call: "read", numbers: [EIO, EINTR]),
    Failure(call: "pread", numbers: [EIO, EINTR, ESTALE]),
    Failure(call: "write", numbers: [ENOSPC, EDQUOT, EIO, EINTR]),
    Failure(call: "pwrite", numbers: [ENOSPC, EIO, EINTR]),
    Failure(call: "fsync", numbers: [EIO, ENOSPC, EDQUOT, EINTR]),
    Failure(call: "aio_fsync", numbers: [EAGAIN, EIO]),
    Failure(call: "posix_fallocate", numbers: [ENOSPC, EDQUOT, EIO, EINTR, EOPNOTSUPP]),
    Failure(call: "ftruncate", numbers: [EIO]),
    Failure(call: "rename", numbers: [ENOSPC, EDQUOT, EIO, EROFS]),
    Failure(call: "unlink", numbers: [EIO, EROFS]),
    Failure(call: "mkdir", numbers: [ENOSPC, EDQUOT, EROFS, EIO, EINTR]),
    Failure(call: "close", numbers: [EIO, ENOSPC, EDQUOT, EINTR]),
    Failure(call: "mmap", numbers: [ENOMEM]),
  ]

  static let commands = [FaultyCommand.convert, .tune, .batch, .report]

  /// The exit codes that a number may come to where it is not survived; 66 is what an input that does not open is.
  private static let codes: [Int32: Set<Int32>] = [
    EMFILE: [71], ENOMEM: [71], EIO: [74], ENOSPC: [75, 66], EDQUOT: [75, 66], EROFS: [73, 66],
    EAGAIN: [75], ESTALE: [75], EINTR: [], EOPNOTSUPP: [],
  ]

  /// The faults of a call: one that has all numbers in turn, or one for each.
  private static func faults(_ failure: Failure) -> [MachineFault] {
    let hasAll = ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] == "all"
    return hasAll
      ? failure.numbers.map { MachineFault(call: failure.call, numbers: [$0]) }
      : [MachineFault(call: failure.call, numbers: failure.numbers)]
  }

  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil, "takes long: make faults"),
    .timeLimit(.minutes(60)), arguments: commands, failures)
  func endsAsDocumentedAndTheNextRunGoesOn(command: FaultyCommand, failure: Failure) throws {
    try withTemporaryDirectory { folder in
      try FaultyCommand.prepare(folder)
      for fault in Self.faults(failure) {
        let loop = try FaultLoop(command, fault, in: folder)
        let count = try loop.run { outcome, place in
          let number = fault.number(at: place)
          let words = "\(fault.call) \(number) at \(place): \(outcome.errors.prefix(600))"
          let line = outcome.faultLines.last ?? ""
          #expect(
            outcome.status == 0 || Self.codes[number]?.contains(outcome.status) == true
              // Written, and not known to be on disk: whatever the reason.
              || outcome.status == 74 && line.hasSuffix(": OUT-SYNC"),
            "\(outcome.status) \(words)")
          #expect(outcome.faultLines.count == (outcome.status == 0 ? 0 : 1), "\(words)")
          #expect(line.utf8.count <= 400, "\(words)")
          // What cannot be removed stays, for the next run.
          if fault.call != "unlink" { #expect(loop.temporaries().isEmpty, "\(words)") }
        }
        print("failed \(fault.call) of \(command): \(count) times")
      }
    }
  }
}
