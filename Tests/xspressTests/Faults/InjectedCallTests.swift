import Files
import Foundation
import TestSupport
import Testing

/// System calls that fail, lie or kill from outside the process (`strace -e inject`), whichever library makes them.
///
/// A few of them; every call of the ways to disk with `XSPRESS_FAULTS` set (`make faults`).
@Suite(.enabled(if: Injection.isPossible, "no strace, or it may not trace"))
struct InjectedCallTests {
  private static let isWhole = ProcessInfo.processInfo.environment["XSPRESS_FAULTS"] != nil

  /// An injection, the exit code, and the end of the line.
  static let failures: [(injection: String, status: Int32, code: String)] = [
    // A write that says it has written more than it has.
    ("write:retval=100:when=1", 74, "OUT-SHORT"),
    ("fsync:error=EIO:when=1", 74, "OUT-WRITE"), ("fsync:error=EIO:when=2", 74, "OUT-SYNC"),
    ("rename:error=ENOSPC:when=1", 75, "OUT-FULL"),
    ("fallocate:error=ENOSPC:when=1", 75, "OUT-FULL"),
  ]

  @Test(arguments: failures)
  func endsInOneLine(_ item: (injection: String, status: Int32, code: String)) throws {
    try withTemporaryDirectory { folder in
      let injection = try Injection(folder)
      let outcome = try injection.run(item.injection)
      #expect(outcome.status == item.status, "\(outcome.errors)")
      #expect(outcome.faultLines.count == 1 && outcome.errors.hasSuffix("\(item.code)\n"))
      // What is written and not known to be on disk stays.
      if item.code != "OUT-SYNC" { #expect(try Paths.entries(of: folder) == ["cache"]) }
      try injection.expectDone()
    }
  }

  @Test(.timeLimit(.minutes(30)), arguments: ["write", "fsync", "rename", "fallocate", "unlink"])
  func aKilledProcessLeavesNothingThatHinders(call: String) throws {
    try withTemporaryDirectory { folder in
      let injection = try Injection(folder)
      for place in 1...(Self.isWhole ? 1000 : 1) {
        // A cold cache is written too.
        if Self.isWhole { try? FileManager.default.removeItem(atPath: "\(folder)/cache") }
        let outcome = try injection.run("\(call):signal=KILL:when=\(place)")
        try injection.expectWhole()
        try injection.expectDone()
        guard outcome.status != 0 else {
          print("killed at \(call): \(place - 1) places")
          break
        }
        #expect([SIGKILL, 128 + SIGKILL].contains(outcome.status), "\(outcome.errors)")
      }
    }
  }
}

/// A conversion that is run with injected system calls.
struct Injection {
  private let folder: String
  private let expected: [UInt8]

  static let isPossible: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["strace", "-f", "-qq", "-o", "/dev/null", "true"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  /// Runs it once as it is, which fills the cache.
  init(_ folder: String) throws {
    self.folder = folder
    let outcome = try Injection.run(folder, limits: nil)
    guard outcome.status == 0 else { throw FaultyCommand.Unprepared(errors: outcome.errors) }
    expected = try InputFile("\(folder)/o.loraxs").readAll(limit: 1 << 20)
    Paths.removeIfPresent("\(folder)/o.loraxs")
  }

  private static func run(_ folder: String, limits: String?) throws -> Tool.Outcome {
    try Tool.run(
      [
        "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter",
        Checkout.path("golden/tiny/adapter"), "--rank", "3", "-o", "\(folder)/o.loraxs",
        "--threads", "1", "--cache-dir", "\(folder)/cache",
      ], limits: limits)
  }

  func run(_ injection: String) throws -> Tool.Outcome {
    try Injection.run(
      folder, limits: "exec strace -f -qq -o /dev/null -e inject=\(injection) \"$0\" \"$@\"")
  }

  /// The artifact is missing, or it is whole.
  func expectWhole() throws {
    guard Paths.kind(of: "\(folder)/o.loraxs") != .missing else { return }
    #expect(try InputFile("\(folder)/o.loraxs").readAll(limit: 1 << 20) == expected)
  }

  /// The next run makes the same bytes, and leaves nothing else.
  func expectDone() throws {
    let outcome = try Injection.run(folder, limits: nil)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try InputFile("\(folder)/o.loraxs").readAll(limit: 1 << 20) == expected)
    #expect(try Paths.entries(of: folder) == ["cache", "o.loraxs"])
    Paths.removeIfPresent("\(folder)/o.loraxs")
  }
}
