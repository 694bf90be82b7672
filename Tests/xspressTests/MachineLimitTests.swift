import Files
import Foundation
import TestSupport
import Testing

/// What the tool does where the machine gives little.
@Suite struct MachineLimitTests {
  private func convert(
    in folder: String, _ arguments: [String] = [], limits: String? = nil, redirections: String = ""
  ) throws -> Tool.Outcome {
    try Tool.run(
      [
        "convert", "--base", Checkout.path("golden/tiny/model"), "--adapter",
        Checkout.path("golden/tiny/adapter"), "--rank", "3", "-o", Paths.join(folder, "o.loraxs"),
        "--log", "plain",
      ] + arguments, cache: Paths.join(folder, "cache"), limits: limits, redirections: redirections)
  }

  /// Dispatch waited for ever for threads that could not be had.
  @Test(.timeLimit(.minutes(15)), arguments: ["1000000", "4000000", "unlimited"])
  func manyThreadsInLittleAddressSpace(limit: String) throws {
    try withTemporaryDirectory { folder in
      let outcome = try convert(in: folder, ["--threads", "1000"], limits: "ulimit -v \(limit)")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains(" threads instead of 1000"))
    }
  }

  @Test func tooLittleAddressSpaceIsSaid() throws {
    try withTemporaryDirectory { folder in
      let outcome = try convert(in: folder, ["--quiet"], limits: "ulimit -v 330000")
      #expect(outcome.status == 71, "\(outcome.errors)")
      #expect(outcome.errors.contains("ulimit -v") && outcome.errors.hasSuffix("MEM-BUDGET\n"))
      #expect(outcome.errorLines.count == 1)
    }
  }

  /// Root is not held to `ulimit -u`: another user is.
  @Test(.timeLimit(.minutes(15)), .enabled(if: getuid() == 0))
  func tooFewThreadsAreSaid() throws {
    try withTemporaryDirectory { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
      func limited(_ count: Int) -> String {
        "export OPENBLAS_NUM_THREADS=1; exec setpriv --reuid=54321 --clear-groups bash -c "
          + "'ulimit -u \(count); exec \"$0\" \"$@\"' \"$0\" \"$@\""
      }
      let refused = try convert(in: folder, ["--threads", "1000"], limits: limited(4))
      #expect(refused.status == 71, "\(refused.errors)")
      #expect(refused.faultLines.count == 1 && refused.errors.hasSuffix("THREADS\n"))
      let enough = try convert(in: folder, ["--threads", "2"], limits: limited(20))
      #expect(enough.status == 0, "\(enough.errors)")
    }
  }

  @Test func tooFewOpenFilesAreSaid() throws {
    try withTemporaryDirectory { folder in
      for count in [6, 8, 10] {
        let outcome = try convert(in: folder, limits: "ulimit -n \(count)")
        #expect(outcome.status == 71, "\(count): \(outcome.errors)")
        #expect(outcome.errorLines.count == 1)
      }
      #expect(try convert(in: folder, limits: "ulimit -n 24").status == 0)
    }
  }

  /// A closed stream is neither a crash nor the next file that is opened.
  @Test(arguments: [
    (">&- 2>&-", 74), ("<&- 2>&-", 0), ("<&- >&- 2>&-", 74), ("2>&-", 0), ("<&-", 0),
    ("2>/dev/full", 0), (">/dev/full", 74),
  ])
  func closedStreams(redirections: String, status: Int32) throws {
    try withTemporaryDirectory { folder in
      let outcome = try convert(in: folder, redirections: redirections)
      #expect(outcome.status == status, "\(outcome.errors)")
      let artifact = try InputFile(Paths.join(folder, "o.loraxs")).readAll(limit: 1 << 20)
      #expect(artifact.starts(with: [0x28, 0xb5, 0x2f, 0xfd]))
      #expect(try Paths.entries(of: folder) == ["cache", "o.loraxs"])
    }
  }

  /// A tmpfs of 1 MiB with no room left, which only the tool sees: artifact, cache and lock alike.
  @Test(.enabled(if: getuid() == 0, "only root mounts"), arguments: [0, 4])
  func aFullDiskIsSaid(freeKilobytes: Int) throws {
    try withTemporaryDirectory { folder in
      let script = """
        mount -t tmpfs -o size=1m none \(folder) && head -c \(1024 - freeKilobytes)K /dev/zero >\(folder)/filler; \
        "$0" "$@"; status=$?; ls -A \(folder) >&2; exit $status
        """
      let outcome = try convert(
        in: folder, limits: "exec unshare -m bash -c '\(script)' \"$0\" \"$@\"")
      #expect(outcome.status == 75, "\(outcome.errors)")
      let lines = outcome.errorLines.filter { $0.hasPrefix("error: ") }
      #expect(lines.count == 1 && lines.first?.hasSuffix("OUT-FULL") == true, "\(outcome.errors)")
      #expect(!outcome.errors.contains(".tmp-") && !outcome.errors.contains("o.loraxs\n"))
    }
  }

  /// The signal that comes with it is no end.
  @Test func tooLargeForTheLimitOfFilesIsSaid() throws {
    try withTemporaryDirectory { folder in
      let outcome = try convert(in: folder, ["--quiet"], limits: "ulimit -f 0")
      #expect([74, 75].contains(outcome.status), "\(outcome.status) \(outcome.errors)")
      #expect(outcome.faultLines.count == 1)
      #expect(Paths.kind(of: Paths.join(folder, "o.loraxs")) == .missing)
    }
  }

  /// Paths are kept as text: another file would be meant.
  @Test func namesThatAreNoTextAreRefused() throws {
    let outcome = try Tool.run(["inspect"], redirections: "$'/tmp/a\\xffb' --log none")
    #expect(outcome.status == 64 && outcome.errors.contains("is not UTF-8"), "\(outcome.errors)")
    #expect(outcome.errorLines.count == 1 && outcome.errors.hasSuffix("USAGE\n"))
  }

  @Test func helpThatCannotBeWrittenIsAnError() throws {
    #expect(try Tool.run(["--help"], redirections: ">/dev/full").status == 74)
    #expect(try Tool.run(["convert", "--help"]).status == 0)
    #expect(try Tool.run(["--version"]).output.split(separator: ".").count == 3)
  }
}
