import Files
import Foundation
import JSON
import TestSupport
import Testing

/// `tune` without an adapter, from the command line to files that other programs read.
@Suite struct ScratchCommandTests {
  /// The tiny model and rows whose second letter says which choice is right.
  private func prepare(_ folder: String) throws {
    _ = try ExportBases.gguf.write(to: folder)
    try AtomicFile.write("\(folder)/rows.jsonl", text: TinyTexts.choices(200))
  }

  private func arguments(_ folder: String, _ more: [String] = []) -> [String] {
    [
      "tune", "--base", "\(folder)/base.gguf", "--rank", "6x4", "--directions", "selected",
      "--train", "\(folder)/rows.jsonl",
      "--train-limit", "120", "--validation", "0.2", "--batch-size", "4", "-o",
      "\(folder)/a.loraxs", "--threads", "2",
    ] + more
  }

  private func bytes(_ folder: String) throws -> [UInt8] {
    try InputFile("\(folder)/a.loraxs").readAll(limit: 1 << 20)
  }

  // MARK: - What it makes

  @Test func whatIsTrainedIsReadByEveryCommand() throws {
    try withTemporaryDirectory { folder in
      try prepare(folder)
      let rows = "\(folder)/rows.jsonl"
      let tuned = try Tool.run(
        arguments(folder, ["--steps", "20", "--eval", rows, "--eval-skip", "150"]), cache: folder)
      #expect(tuned.status == 0, "\(tuned.errors)")
      let lines = tuned.output.split(separator: "\n")
      #expect(lines.count == 5 && !tuned.output.contains("LoRA"), "\(tuned.output)")
      #expect(
        lines[0].split(separator: " ").prefix(5) == [
          "accuracy", "base", "start", "tuned", "stored",
        ])
      let artifact = "\(folder)/a.loraxs"
      let base = ["--base", "\(folder)/base.gguf"]

      let inspected = try JSONValue.parse(
        try Tool.run(["inspect", artifact, "--json"]).output)["metadata"]
      #expect(inspected?["scratch"]?.stringValue == "a" && inspected?["adapter"] == nil)
      #expect(inspected?["targetModules"] == ["all-linear"])
      #expect(try Tool.run(["inspect", artifact]).output.contains("scratch: a"))
      #expect(try Tool.run(["verify", artifact] + base, cache: folder).status == 0)
      let same = try Tool.run(["diff", artifact, artifact], cache: folder)
      #expect(same.status == 0, "\(same.errors)")

      let measured = try Tool.run(
        ["evaluate", "--artifact", artifact, "--data", rows, "--limit", "20"] + base, cache: folder)
      #expect(measured.status == 0 && !measured.output.contains("KL"), "\(measured.output)")

      // As a LoRA it is the same model: compared with it the artifact's divergence is nothing.
      let exported = "\(folder)/peft"
      let export = try Tool.run(
        ["export", artifact, "--to", "peft", "--dtype", "f32", "-o", exported] + base,
        cache: folder)
      #expect(export.status == 0, "\(export.errors)")
      let compared = try Tool.run(
        [
          "evaluate", "--adapter", exported, "--artifact", artifact, "--data", rows, "--limit",
          "40", "--json",
        ] + base, cache: folder)
      #expect(compared.status == 0, "\(compared.errors)")
      let variants = try JSONValue.parse(compared.output)["variants"]?.arrayValue ?? []
      try #require(variants.map { $0["kind"]?.stringValue } == ["base", "adapter", "artifact"])
      let nll = variants.compactMap { $0["nll"]?.doubleValue }
      #expect(abs(nll[1] - nll[2]) < 1e-5 * nll[1] && nll[1] < 0.9 * nll[0])
      #expect(try #require(variants[2]["kl_to_teacher"]?.doubleValue) < 1e-8)
      #expect(variants[2]["agreement"]?.doubleValue == 1)
    }
  }

  /// The paper's own layout, whose directions are the same on both sides.
  @Test(arguments: ["lora-xs", "gguf-lora", "merged"])
  func otherProgramsReadIt(target: String) throws {
    try withTemporaryDirectory { folder in
      try prepare(folder)
      let tuned = try Tool.run(
        arguments(folder, ["--steps", "4", "--directions", "top", "--init", "normal"])
          .map { $0 == "6x4" ? "4" : $0 }, cache: folder)
      #expect(tuned.status == 0, "\(tuned.errors)")
      let output = "\(folder)/out" + (target == "gguf-lora" ? ".gguf" : "")
      let outcome = try Tool.run(
        [
          "export", "\(folder)/a.loraxs", "--base", "\(folder)/base.gguf", "--to", target, "-o",
          output,
        ], cache: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let read = target == "lora-xs" ? "\(output)/ft" : output
      #expect(try Tool.run(["inspect", read]).status == 0)
    }
  }

  // MARK: - Interruptions

  /// Killed after a checkpoint, the same command ends with the bytes of a run that was not.
  @Test func aKilledRunEndsAsOthersDo() throws {
    try withTemporaryDirectory { whole in
      try withTemporaryDirectory { cut in
        let steps = ["--steps", "600", "--checkpoint-every", "20"]
        for folder in [whole, cut] { try prepare(folder) }
        let undisturbed = try Tool.run(arguments(whole, steps), cache: whole)
        #expect(undisturbed.status == 0, "\(undisturbed.errors)")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Tool.path)
        process.arguments = arguments(cut, steps) + ["--log", "none"]
        process.environment = ProcessInfo.processInfo.environment.merging(
          ["XDG_CACHE_HOME": cut]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        var waited = 0
        while Paths.kind(of: "\(cut)/a.loraxs.tuning") == .missing, process.isRunning,
          waited < 60_000
        {
          usleep(1000)
          waited += 1
        }
        #expect(process.isRunning, "it ended before a checkpoint was there")
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let last = try Tool.run(arguments(cut, steps) + ["--log", "plain"], cache: cut)
        #expect(last.status == 0 && last.errors.contains("continuing from step"), "\(last.errors)")
        let isSame = try bytes(whole) == bytes(cut)
        #expect(isSame)
        #expect(Paths.kind(of: "\(cut)/a.loraxs.tuning") == .missing)
      }
    }
  }

  // MARK: - Refusals

  /// One line, and exit code 64, before anything is opened.
  @Test(arguments: [
    (["--objective", "kd"], "--objective kd needs an adapter"),
    (["--objective", "mix"], "--objective mix needs an adapter"),
    (["--control", "truncated"], "--control truncated needs an adapter"),
    (["--control", "ternary"], "--control ternary needs an adapter"),
    (["--residual", "2"], "--residual 2 needs an adapter"),
    (["--min-retained", "0.9"], "--min-retained 0.9 needs an adapter"),
    (["--init", "kfac"], "--init kfac needs an adapter"),
    (["--calibrate-model", "adapter"], "--calibrate-model adapter needs an adapter"),
    (["--adapter", "x", "--target-modules", "q_proj"], "--target-modules stands beside --adapter"),
    (["--adapter", "x", "--init", "normal"], "--init normal starts from nothing"),
    (["--target-modules", "q_proj("], "--target-modules \"q_proj(\" is not a list of names"),
    (["--directions", "top"], "--rank 6x4 needs chosen directions"),
  ])
  func whatMakesNoSenseIsRefused(options: [String], words: String) throws {
    let outcome = try Tool.run(arguments("/nonexistent", options))
    #expect(outcome.status == 64 && outcome.output.isEmpty)
    #expect(outcome.errorLines.count == 1 && outcome.errors.contains(words), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix(": USAGE\n"))
  }

  @Test func convertNeedsAnAdapter() throws {
    let outcome = try Tool.run(["convert", "--base", "b", "--rank", "4", "-o", "x"])
    #expect(outcome.status == 64 && outcome.errors.contains("--adapter is missing"))
    #expect(outcome.errorLines.count == 1)
  }

  @Test func aModuleThatIsNotThereIsRefused() throws {
    try withTemporaryDirectory { folder in
      try prepare(folder)
      let outcome = try Tool.run(
        arguments(folder, ["--target-modules", "c_attn"]), cache: folder)
      #expect(outcome.status == 64 && outcome.errors.hasSuffix(": AD-TARGET\n"))
      #expect(outcome.errorLines.count == 1 && outcome.errors.contains("c_attn"))
    }
  }

  // MARK: - Batches

  /// An entry without an adapter beside one with: both are done, and neither is done again.
  @Test func aBatchTrainsFromNothingToo() throws {
    try withTemporaryDirectory { folder in
      try prepare(folder)
      try AtomicFile.write(
        "\(folder)/m.yaml",
        text: """
          schema: xspress.manifest/1
          bases: {b: {path: base.gguf}}
          defaults:
            rank: 4
            tune: {data: rows.jsonl, limit: 120, validation: 0.2, steps: 4, batch_size: 4}
            evaluate: {data: rows.jsonl, skip: 150}
          adapters:
            - {scratch: {modules: [q_proj, ".*mlp.*"]}, name: mine}
            - {path: \(Checkout.path("golden/tiny/adapter")), name: theirs}
          """)
      let run = "\(folder)/run"
      for state in ["done", "skipped"] {
        let batch = try Tool.run(
          ["batch", "\(folder)/m.yaml", "-o", run, "--json"], cache: folder)
        #expect(batch.status == 0, "\(batch.errors)")
        let jobs = try JSONValue.parse(batch.output)["jobs"]?.arrayValue ?? []
        #expect(jobs.map { $0["state"]?.stringValue } == [state, state])
      }
      #expect(try Tool.run(["verify", run]).status == 0)
      let record = try JSONValue.parse(
        try InputFile("\(run)/jobs/mine/record.json").readAll(limit: 1 << 24))
      #expect(record["adapter"]?.isNull == true && record["sizes"]?["as_shipped"]?.isNull == true)
      #expect(record["modules"]?.arrayValue?.count == 8)
      // The same settings on the command line give the same bytes; an entry's directions are the first ones where nobody says.
      let alone = try Tool.run(
        arguments(
          folder,
          [
            "--steps", "4", "--target-modules", "q_proj", "--target-modules", ".*mlp.*",
            "--eval", "\(folder)/rows.jsonl", "--eval-skip", "150",
          ]
        )
        .map { ["6x4": "4", "selected": "top"][$0] ?? $0 }
        .map { $0 == "\(folder)/a.loraxs" ? "\(folder)/mine.loraxs" : $0 }, cache: folder)
      #expect(alone.status == 0, "\(alone.errors)")
      let isSame =
        try InputFile("\(folder)/mine.loraxs").readAll(limit: 1 << 20)
        == InputFile("\(run)/jobs/mine/mine.loraxs").readAll(limit: 1 << 20)
      #expect(isSame)
    }
  }
}
