import Faults
import Fleet
import Foundation
import TestSupport
import Testing

/// What engines are asked to run.
///
/// That Kubernetes and Snakemake take it: `golden/tools/crosscheck_engines.py`.
@Suite struct SubmissionTests {
  private func shell(_ text: String, _ arguments: [String], path: String? = nil) throws -> (
    status: Int32, output: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = arguments
    if let path {
      process.environment = ProcessInfo.processInfo.environment.merging([
        "PATH": path + ":/usr/bin:/bin"
      ]) { $1 }
    }
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  private func submission(_ run: String, shards: Int) -> Submission {
    var submission = Submission(run: run, jobs: 0)
    submission.shards = shards
    return submission
  }

  /// A stand-in for sbatch keeps what it is told: arrays below the site's limit, and a report after all of them.
  @Test func slurmArraysStayBelowTheLimit() throws {
    try withTemporaryDirectory { folder in
      let tool = """
        #!/bin/bash
        echo "$@ first=$XSPRESS_FIRST parts=$XSPRESS_PARTS" >> '\(folder)/calls'
        cat > '\(folder)'/script-$(wc -l < '\(folder)/calls')
        echo $((100 + $(wc -l < '\(folder)/calls')))
        """
      try Data(tool.utf8).write(to: URL(fileURLWithPath: "\(folder)/sbatch"))
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: "\(folder)/sbatch")
      var submission = submission("\(folder)/it's a run", shards: 7)
      submission.largestArray = 3
      let text = try submission.text(for: .slurm)
      #expect(try shell(text, ["-n"]).status == 0)
      let done = try shell(text, [], path: folder)
      #expect(done.status == 0, "\(done.output)")
      let calls = try String(contentsOfFile: "\(folder)/calls", encoding: .utf8)
        .split(separator: "\n")
      #expect(calls.count == 4)
      for (call, part) in zip(calls, [("0-2%64", "0"), ("0-2%64", "3"), ("0-0%64", "6")]) {
        #expect(call.contains("--array=\(part.0)"), "\(call)")
        #expect(call.contains("first=\(part.1) parts=7"), "\(call)")
      }
      #expect(calls[3].contains("--dependency=afterany:101:102:103"), "\(calls[3])")
      let script = try String(contentsOfFile: "\(folder)/script-1", encoding: .utf8)
      #expect(script.contains("#SBATCH --requeue") && script.contains("SIGTERM") == false)
      #expect(try shell(script, ["-n"]).status == 0)
    }
  }

  /// The script of an element: which codes are tried again, and how often.
  @Test(arguments: [
    (0, "0", 0, false), (65, "0", 65, false), (75, "0", 75, true), (137, "2", 75, true),
    (75, "3", 74, false),
  ])
  func elementsAreTriedAgainWithABound(code: Int, restarts: String, status: Int, requeues: Bool)
    throws
  {
    try withTemporaryDirectory { folder in
      let text = try submission("/data/run", shards: 2).text(for: .slurm)
      let parts = text.components(separatedBy: "<<'JOB'\n")
      let script = try #require(parts[1].components(separatedBy: "\nJOB\n").first)
      for (name, body) in [
        ("xspress", "echo \"$@\" > '\(folder)/call'; exit \(code)"),
        ("scontrol", "echo \"$@\" > '\(folder)/requeued'"), ("sleep", ":"),
      ] {
        try Data("#!/bin/bash\n\(body)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o755], ofItemAtPath: "\(folder)/\(name)")
      }
      let environment =
        "export SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_JOB_ID=7 SLURM_RESTART_COUNT=\(restarts) "
        + "XSPRESS_RUN=/data/run XSPRESS_FIRST=0 XSPRESS_PARTS=2\n"
      let done = try shell(environment + script + "\n", [], path: folder)
      #expect(done.status == Int32(status), "\(done.output)")
      let call = try String(contentsOfFile: "\(folder)/call", encoding: .utf8)
      #expect(call.hasPrefix("run /data/run --shard 1/2 --scratch"), "\(call)")
      #expect(FileManager.default.fileExists(atPath: "\(folder)/requeued") == requeues)
    }
  }

  @Test func kubernetesSaysWhatIsFinal() throws {
    var submission = submission("/data/My run!", shards: 40)
    submission.queue = "batch"
    let text = try submission.text(for: .k8s)
    for line in [
      "  name: xspress-my-run", "  completionMode: Indexed", "  completions: 40",
      "  parallelism: 40", "  backoffLimitPerIndex: 3", "      - action: FailIndex",
      "      restartPolicy: Never", "    kueue.x-k8s.io/queue-name: \"batch\"", "  suspend: true",
      "          args: [\"run\", \"/data/My run!\", \"--shards\", \"40\", \"--scratch\", \"/scratch\", \"--log\", \"plain\"]",
    ] {
      #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)\n\(text)")
    }
    submission.queue = nil
    #expect(try !submission.text(for: .k8s).contains("suspend"))
  }

  /// The texts that `golden/tools/crosscheck_engines.py` has shown to the engines' own readers.
  @Test(arguments: [
    (Submission.Engine.slurm, "slurm.sh"), (.k8s, "k8s.yaml"), (.snakemake, "Snakefile"),
  ])
  func textsAreThoseThatWereChecked(_ engine: Submission.Engine, file: String) throws {
    var submission = submission("/data/my run", shards: 8)
    if engine == .k8s { submission.queue = "batch" }
    let path = Checkout.path("golden/documents/emitted/\(file)")
    let text = try submission.text(for: engine)
    #expect(
      text == (try String(contentsOfFile: path, encoding: .utf8)), "see crosscheck_engines.py")
  }

  /// Numbers that no engine has are refused before any arithmetic.
  @Test func numbersHaveBounds() {
    for change in [
      { $0.minutes = .max }, { $0.memory = .max }, { $0.retries = .max }, { $0.shards = 0 },
      { $0.retries = -1 },
    ] as [(inout Submission) -> Void] {
      var submission = submission("r", shards: 2)
      change(&submission)
      for engine in Submission.Engine.allCases {
        let found = fault { () throws(Fault) in try submission.text(for: engine) }
        #expect(found?.code == "EMIT" && found?.exitCode == 64)
      }
    }
  }

  @Test func partsFollowTheNumberOfJobs() throws {
    #expect(
      [0, 1, 25, 26, 1000].map { Submission(run: "r", jobs: $0).shards } == [1, 1, 1, 2, 40])
    var none = submission("r", shards: 0)
    none.cpus = 0
    #expect(fault { () throws(Fault) in try none.text(for: .slurm) }?.code == "EMIT")
  }
}
