import Files
import Foundation
import TestSupport
import Testing

/// A job that is killed in its race, in its tuning and in a control's ends with the bytes of one that is not.
@Suite struct ResumeCommandTests {
  private func arguments(_ folder: String) -> [String] {
    [
      "tune", "--base", "\(folder)/base.gguf", "--adapter", Checkout.path("golden/tiny/adapter"),
      "--budget", "4600", "--train", "\(folder)/rows.jsonl", "--train-limit", "120",
      "--validation", "0.2", "--steps", "700", "--batch-size", "4", "--checkpoint-every", "20",
      "--eval", "\(folder)/rows.jsonl", "--eval-skip", "150", "--control", "top", "-o",
      "\(folder)/a.loraxs", "--threads", "2",
    ]
  }

  private func prepare(_ folder: String) throws {
    var builder = try TinyLlama.gguf()
    TinyLlama.addTokenizer(to: &builder)
    try AtomicFile.write("\(folder)/base.gguf", bytes: builder.bytes())
    try AtomicFile.write("\(folder)/rows.jsonl", text: TinyTexts.choices(200))
  }

  /// Runs the job until `file` is there and kills it; what it said.
  private func killed(_ folder: String, once file: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = arguments(folder) + ["--log", "plain"]
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["XDG_CACHE_HOME": folder]) { $1 }
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    var waited = 0
    while Paths.kind(of: file) == .missing, process.isRunning, waited < 60_000 {
      usleep(1000)
      waited += 1
    }
    #expect(process.isRunning, "it ended before \(Paths.name(of: file)) was there")
    kill(process.processIdentifier, SIGKILL)
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: said, as: UTF8.self)
  }

  @Test func killedJobsEndAsOthersDo() throws {
    try withTemporaryDirectory { whole in
      try withTemporaryDirectory { cut in
        try prepare(whole)
        try prepare(cut)
        let undisturbed = try Tool.run(arguments(whole), cache: whole)
        #expect(undisturbed.status == 0, "\(undisturbed.errors)")
        _ = try killed(cut, once: "\(cut)/a.loraxs.tuning.race")
        let second = try killed(cut, once: "\(cut)/a.loraxs.tuning")
        #expect(second.contains("as decided before") && !second.contains("race 1"))
        _ = try killed(cut, once: "\(cut)/a.loraxs.tuning.top-directions")
        let last = try Tool.run(arguments(cut) + ["--log", "plain"], cache: cut)
        #expect(last.status == 0, "\(last.errors)")
        #expect(last.errors.contains("continuing from step"))
        func bytes(_ folder: String) throws -> [UInt8] {
          try InputFile("\(folder)/a.loraxs").readAll(limit: 1 << 20)
        }
        #expect(try bytes(whole) == bytes(cut))
        #expect(Paths.kind(of: "\(cut)/a.loraxs.tuning.race") == .missing)
      }
    }
  }
}
