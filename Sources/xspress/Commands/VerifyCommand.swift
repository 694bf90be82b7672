import ArgumentParser
import Faults
import Files
import JSON
import Progress
import Verification

/// `xspress verify GOLDEN_DIR`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Recomputes golden cases and prints measured error beside tolerance.",
    discussion: """
      EXAMPLES
        xspress verify golden
        xspress verify golden --junit verify.xml
      """)

  @Argument(help: "A directory of golden cases (formats/golden.md).")
  var directory: String

  @Option(help: "Run only this case (repeatable).")
  var only: [String] = []

  @Flag(help: "Run cases that are marked slow too.")
  var slow = false

  @Option(help: "Write a JUnit report.")
  var junit: String?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var shared: SharedOptions

  func run() throws {
    let log = shared.progress
    let verifier = Verifier(
      Verifier.Options(includesSlow: slow, threads: shared.threadCount))
    let report = try verifier.run(directory, only: only) { log.note($0.name) }
    if let junit { try AtomicFile.write(junit, text: report.junit) }
    if json {
      try StandardOutput.write(report.json)
    } else {
      try StandardOutput.write(report.table)
    }
    guard report.allPassed else {
      throw Fault(.badData, "GV-FAILED", report.summary, path: directory)
    }
  }
}
