import ArgumentParser
import Faults
import Files
import Fleet
import JSON
import Progress
import Reports
import Signatures
import Tools
import Verification

/// `xspress verify PATH`: golden cases, a run, or an artifact.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks an artifact or a run, or recomputes golden cases.",
    discussion: """
      An artifact is read whole and, with --base, proven to belong to the base. In a run every artifact is compared \
      with its record. With --key everything must be signed (xspress batch --sign, formats/signatures.md). Of golden \
      cases the measured error is printed beside the tolerance.

      EXAMPLES
        xspress verify my-lora.loraxs --base model.gguf
        xspress verify my-lora.loraxs --key public.pem
        xspress verify run
        xspress verify run --key public.pem --statements statements
        xspress verify golden
        xspress verify golden --junit verify.xml
      """)

  @Argument(
    help: "An artifact, a run directory, or a directory of golden cases (formats/golden.md).")
  var path: String

  @Option(help: "The base model of an artifact.")
  var base: String?

  @Option(help: "Take its bases from this .xsbases pack instead of an SVD.")
  var bases: String?

  @Option(
    help: "Check the signatures beside artifacts and records: a public Ed25519 key in PEM.")
  var key: String?

  @Option(
    help: ArgumentHelp(
      "Write an in-toto statement of every whole artifact of a run there.", valueName: "dir"))
  var statements: String?

  @Option(help: "Run only this case (repeatable).")
  var only: [String] = []

  @Flag(help: "Run cases that are marked slow too.")
  var slow = false

  @Option(help: "Write a JUnit report.")
  var junit: String?

  @Option(help: "Write a Markdown table.")
  var markdown: String?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func validate() throws {
    if base == nil && bases != nil { throw ValidationError("--bases needs --base") }
  }

  func run() throws {
    let isRun = ArtifactVerification.isRun(path)
    if isRun || Paths.kind(of: path) == .file { return try verifyArtifacts(isRun: isRun) }
    if base != nil { throw ValidationError("--base is for an artifact") }
    if key != nil { throw ValidationError("--key is for an artifact or a run") }
    if statements != nil { throw ValidationError("--statements is for a run") }
    try verifyGolden()
  }

  private func verifyArtifacts(isRun: Bool) throws {
    if !only.isEmpty || slow { throw ValidationError("--only and --slow are for golden cases") }
    if isRun && base != nil { throw ValidationError("--base is for an artifact, not a run") }
    if !isRun && statements != nil { throw ValidationError("--statements is for a run") }
    let publicKey: VerifyingKey? = if let key { try VerifyingKey(key) } else { nil }
    let memory = try shared.memoryBudget()
    let verification: ArtifactVerification
    if isRun {
      verification = try ArtifactVerification(run: path, memory: memory, key: publicKey) {
        (record, artifact) throws(Fault) in
        guard let statements else { return }
        try InTotoStatement(record, artifact: artifact).write(to: statements)
      }
    } else {
      let session = try base.map { try shared.session(base: $0, pack: bases) }
      verification = ArtifactVerification(
        artifact: path, session: session, memory: memory, key: publicKey)
    }
    try writeFiles(
      VerificationReport(
        directory: path,
        results: verification.findings.map { CaseResult(artifact: $0.name, fault: $0.fault) }))
    if json {
      try StandardOutput.write(verification.json)
    } else {
      let rows = verification.findings.map {
        [
          $0.name, $0.state + ($0.fault == nil ? base.map { ", made for \($0)" } ?? "" : ""),
          $0.fault?.code ?? "",
        ]
      }
      try StandardOutput.write(TextTable.text(["artifact", "state", ""], rows))
    }
    if let fault = BatchResults.representative(of: verification.faults) { throw fault }
  }

  private func writeFiles(_ report: VerificationReport) throws {
    if let junit { try AtomicFile.write(junit, text: report.junit) }
    if let markdown { try AtomicFile.write(markdown, text: report.markdown) }
  }

  private func verifyGolden() throws {
    let log = shared.progress
    let verifier = Verifier(
      Verifier.Options(
        includesSlow: slow, threads: try shared.threadCount(log: log),
        cacheDirectory: shared.cacheDirectory, cacheLimit: try shared.cacheByteLimit()))
    let report = try verifier.run(path, only: only) { log.note($0.name) }
    try writeFiles(report)
    if json {
      try StandardOutput.write(report.json)
    } else {
      try StandardOutput.write(report.table)
    }
    guard report.allPassed else {
      throw Fault(.badData, "GV-FAILED", report.summary, path: path)
    }
  }
}
