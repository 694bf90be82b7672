import Files
import Foundation
import JSON
import TestSupport
import Testing

/// The main job on the real base and a real adapter, small enough for a test.
@Suite(.serialized, .enabled(if: Checkout.hasDemoBase, "run `make models` first"))
struct DemoBaseTests {
  private let adapter = Checkout.path("golden/adapters/clinc-domains-r8")
  private let train = Checkout.path("golden/data/clinc-domains/train.jsonl")
  private let test = Checkout.path("golden/data/clinc-domains/test.jsonl")

  /// A file with the first `count` lines of another.
  private func head(_ path: String, _ count: Int, in folder: String) throws -> String {
    let text = String(decoding: try InputFile(path).readAll(limit: 1 << 26), as: UTF8.self)
    let target = Paths.join(folder, "\(count).jsonl")
    let lines = text.split(separator: "\n").prefix(count).joined(separator: "\n")
    try AtomicFile.write(target, text: lines + "\n")
    return target
  }

  @Test func tunesMeasuresAndResumesToTheSameBytes() throws {
    try withTemporaryDirectory { folder in
      let data = try head(train, 40, in: folder)
      // Neither interruptions nor the number of threads leave a trace.
      func arguments(_ output: String, threads: Int) -> [String] {
        [
          "tune", "--base", Checkout.demoBase, "--adapter", adapter, "--rank", "4", "--train", data,
          "--threads", "\(threads)",
          "--calibrate-limit", "16", "--steps", "6", "--batch-size", "8", "--warmup", "2",
          "--checkpoint-every", "2", "--validation", "0.2", "--quiet", "--eval", test,
          "--eval-limit", "24", "--json", "-o", Paths.join(folder, output),
        ]
      }
      let whole = try Tool.run(arguments("whole.loraxs", threads: 2), cache: folder)
      #expect(whole.status == 0, "\(whole.errors)")
      let record = try JSONValue.parse(whole.output)
      let variants = try #require(record["evaluation"]?["variants"]?.arrayValue)
      #expect(
        variants.compactMap { $0["kind"]?.stringValue }
          == ["base", "adapter", "start", "tuned", "artifact"])
      let losses = variants.compactMap { $0["nll"]?.doubleValue }
      // PyTorch's figures for these examples' order of magnitude: the LoRA is far below the base, and even six
      // steps bring the artifact below the base.
      #expect(losses.count == 5 && losses[1] < 1 && losses[0] > 5 && losses[4] < losses[0])

      // Killed in the middle, then stopped politely, then run again: the same bytes.
      let checkpoint = Paths.join(folder, "cut.loraxs.tuning")
      for signal in [SIGKILL, SIGTERM] {
        let cut = Process()
        cut.executableURL = URL(fileURLWithPath: Tool.path)
        cut.arguments = arguments("cut.loraxs", threads: 1)
        cut.environment = ProcessInfo.processInfo.environment.merging(
          ["XDG_CACHE_HOME": folder]
        ) { $1 }
        cut.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        cut.standardError = errors
        try cut.run()
        while cut.isRunning && Paths.kind(of: checkpoint) == .missing { usleep(20_000) }
        if signal == SIGTERM { usleep(1_000_000) }
        kill(cut.processIdentifier, signal)
        let text = String(
          decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        cut.waitUntilExit()
        if signal == SIGTERM {
          #expect(cut.terminationReason == .exit && cut.terminationStatus == 75)
          #expect(text.hasPrefix("error: stopped by SIGTERM") && text.hasSuffix("RUN-STOPPED\n"))
        }
        #expect(Paths.kind(of: Paths.join(folder, "cut.loraxs")) == .missing)
        #expect(Paths.kind(of: checkpoint) == .file)
      }
      let resumed = try Tool.run(arguments("cut.loraxs", threads: 5), cache: folder)
      #expect(resumed.status == 0, "\(resumed.errors)")
      let stored = try ["whole", "cut"].map { name in
        try InputFile(Paths.join(folder, name + ".loraxs")).readAll(limit: 1 << 30)
      }
      #expect(stored[0] == stored[1])
      for (name, target) in [("whole", "a"), ("cut", "b")] {
        let outcome = try Tool.run(
          [
            "export", Paths.join(folder, name + ".loraxs"), "--base", Checkout.demoBase, "--to",
            "peft", "-o", Paths.join(folder, target),
          ], cache: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
      }
      let exported = try ["a", "b"].map {
        try InputFile(Paths.join(Paths.join(folder, $0), "adapter_model.safetensors"))
          .readAll(limit: 1 << 30)
      }
      #expect(exported[0] == exported[1])
      #expect(Paths.kind(of: checkpoint) == .missing)
    }
  }

  /// Without data: the texts lie beside the artifact, are data like any other, and are taken up again.
  @Test func tunesOnTextsByTheModels() throws {
    try withTemporaryDirectory { folder in
      let openings = Paths.join(folder, "openings.jsonl")
      try AtomicFile.write(
        openings,
        text: "{\"opening\": \"Utterance:\", \"then\": \"\\nDomain:\", \"length\": 1}\n")
      let output = Paths.join(folder, "a.loraxs")
      let arguments = [
        "tune", "--base", Checkout.demoBase, "--adapter", adapter, "--rank", "4", "--train", "self",
        "--self-openings", openings, "--self-texts", "20", "--self-length", "6",
        "--calibrate-limit", "8", "--steps", "2", "--batch-size", "4", "--quiet", "--json", "-o",
        output,
      ]
      let first = try Tool.run(arguments, cache: folder)
      #expect(first.status == 0, "\(first.errors)")
      let texts = output + ".self.jsonl"
      let bytes = try InputFile(texts).readAll(limit: 1 << 20)
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
      #expect(lines.count == 20)
      for line in lines {
        let prompt = try JSONValue.parse(Array(line.utf8))["prompt"]?.stringValue ?? ""
        // By bytes: a text may end with a carriage return.
        #expect(prompt.utf8.starts(with: "Utterance:".utf8))
        #expect(prompt.utf8.reversed().starts(with: "\nDomain:".utf8.reversed()))
      }
      let digest = SHA256Digest.of(bytes).hex
      let settings = try JSONValue.parse(first.output)["settings"]?.text() ?? ""
      #expect(settings.contains(digest))
      // Written again, they are the same, and so is what is tuned on them.
      let artifact = try InputFile(output).readAll(limit: 1 << 20)
      try FileManager.default.removeItem(atPath: texts)
      #expect(try Tool.run(arguments, cache: folder).status == 0)
      #expect(try InputFile(texts).readAll(limit: 1 << 20) == bytes)
      #expect(try InputFile(output).readAll(limit: 1 << 20) == artifact)
      let data = try Tool.run(
        ["evaluate", "--base", Checkout.demoBase, "--data", texts, "--limit", "2", "--json"])
      #expect(data.status == 0, "\(data.errors)")
    }
  }

  /// The smallest part of a budget that retains enough, or one line that says how much was reached.
  @Test func spendsNoMoreOfABudgetThanIsNeeded() throws {
    try withTemporaryDirectory { folder in
      let data = try head(train, 80, in: folder)
      func tune(_ options: [String], _ output: String) throws -> Tool.Outcome {
        try Tool.run(
          [
            "tune", "--base", Checkout.demoBase, "--adapter", adapter, "--train", data,
            "--calibrate-limit", "24", "--steps", "1", "--batch-size", "4", "--lr", "1e-6",
            "--validation", "0.1", "--log", "plain", "-o", output,
          ] + options, cache: folder)
      }
      let output = Paths.join(folder, "a.loraxs")
      let enough = try tune(["--budget", "640KB", "--min-retained", "0.05"], output)
      #expect(enough.status == 0, "\(enough.errors)")
      #expect(enough.errors.contains("rows with 80000 bytes"))
      #expect(try InputFile(output).readAll(limit: 1 << 20).count < 90_000)
      // Own directions have one size: a minimum beside them is refused, not forgotten.
      #expect(try tune(["--directions", "own", "--min-retained", "0.1"], output).status == 64)
      let short = Paths.join(folder, "b.loraxs")
      let missed = try tune(
        ["--budget", "12KB", "--min-retained", "1", "--candidates", "16"], short)
      #expect(missed.status == 65)
      #expect(missed.errorLines.last?.contains("JOB-RETAINED") == true)
      #expect(Paths.kind(of: short) == .missing)
    }
  }

  @Test func truncatedBaseIsOneLine() throws {
    try withTemporaryDirectory { folder in
      let cut = Paths.join(folder, "cut.gguf")
      let bytes = try InputFile(Checkout.demoBase).readAll(limit: 1 << 30)
      try AtomicFile.write(cut, bytes: Array(bytes.prefix(50_000_000)))
      let outcome = try Tool.run(["inspect", cut])
      #expect(outcome.status == 65)
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.errors.contains("GG-"))
    }
  }
}
