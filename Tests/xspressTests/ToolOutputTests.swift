import Files
import Foundation
import JSON
import TestSupport
import Testing

/// What `inspect`, `export`, `report` and `cache` write, on the tiny model.
@Suite struct ToolOutputTests {
  private let tinyModel = Checkout.path("golden/tiny/model")
  private let tinyAdapter = Checkout.path("golden/tiny/adapter")

  /// Converts the tiny adapter, with the cache in `folder`.
  private func convert(base: String, in folder: String) throws -> String {
    let artifact = Paths.join(folder, "tiny.loraxs")
    let outcome = try Tool.run(
      ["convert", "--base", base, "--adapter", tinyAdapter, "--rank", "3", "-o", artifact],
      cache: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return artifact
  }

  private func copy(_ names: [String], from source: String, to target: String) throws {
    try Paths.makeDirectory(target)
    for name in names {
      let bytes = try InputFile(Paths.join(source, name)).readAll(limit: 1 << 24)
      try AtomicFile.write(Paths.join(target, name), bytes: bytes)
    }
  }

  @Test func aFullStdoutIsOneClearLine() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = ["inspect", tinyAdapter, "--json"]
    process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 74)
    #expect(text == "error: cannot write the result: No space left on device: IO-STDOUT\n")
  }

  @Test(arguments: [
    ("mlx", "mlx"), ("kohya-lokr", "kohya"), ("gguf-lora", "gguf-lora"), ("lora-xs", "lora-xs"),
    ("bin", "peft"), ("tinylora", "peft-tinylora"), ("vera", "peft-vera"),
    ("diffusers", "diffusers"),
  ])
  func adaptersOfEveryDialect(name: String, format: String) throws {
    let path = Checkout.path("golden/adapters_dialects/\(name)")
    let shown = try Tool.run(["inspect", path])
    #expect(shown.status == 0, "\(shown.errors)")
    #expect(shown.output.contains("detected as \(format) because "))
    let value = try JSONValue.parse(try Tool.run(["inspect", path, "--json", "--digest"]).output)
    #expect(value["kind"]?.stringValue == "adapter")
    #expect(value["format"]?.stringValue == format)
    #expect(value["detected_by"]?.stringValue?.isEmpty == false)
    try withTemporaryDirectory { (folder) throws in
      let artifact = Paths.join(folder, "out.loraxs")
      let converted = try Tool.run(
        [
          "convert", "--base", tinyModel, "--adapter", path, "--format", format, "--rank", "3",
          "-o", artifact,
        ], cache: folder)
      #expect(converted.status == 0, "\(converted.errors)")
    }
    let other = format == "mlx" ? "kohya" : "mlx"
    #expect(try Tool.run(["inspect", path, "--format", other]).status != 0)
    #expect(try Tool.run(["inspect", path, "--format", "pdf"]).status == 64)
  }

  /// `lora_alpha` 0 makes every update zero: stderr is no terminal here.
  @Test func warningsReachStderrAndTheDocument() throws {
    try withTemporaryDirectory { folder in
      let dead = Paths.join(folder, "dead")
      try copy(["adapter_model.safetensors"], from: tinyAdapter, to: dead)
      let configuration = String(
        decoding: try InputFile(Paths.join(tinyAdapter, "adapter_config.json")).readAll(
          limit: 1 << 16), as: UTF8.self)
      try AtomicFile.write(
        Paths.join(dead, "adapter_config.json"),
        text: configuration.replacing("\"lora_alpha\": 8", with: "\"lora_alpha\": 0"))
      func run(_ command: [String], _ log: [String]) throws -> Tool.Outcome {
        let outcome = try Tool.run(command + log, cache: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
      }
      let convert = [
        "convert", "--base", tinyModel, "--adapter", dead, "--rank", "2", "--json", "-o",
        Paths.join(folder, "x.loraxs"),
      ]
      for command in [convert, ["inspect", dead, "--json"]] {
        let plain = try run(command, ["--log", "none"])
        #expect(plain.errorLines.contains { $0.hasPrefix("warning: ") && $0.contains("AD-ALPHA") })
        #expect(try run(command, ["--quiet"]).errors.isEmpty)
        let objects = try run(command, ["--log", "json"])
        #expect(objects.errors.contains(#""event":"warning""#))
        let document = try JSONValue.parse(plain.output)
        let kept = document["warnings"] ?? document["metadata"]?["warnings"]
        #expect(kept?.arrayValue?.contains { $0.stringValue?.contains("AD-ALPHA") == true } == true)
      }
      let stages = try run(convert, ["--log", "plain"])
      #expect(stages.errorLines.contains { $0.contains("Z bases: ") })
    }
  }

  @Test func outputEndsWithOneNewline() throws {
    for arguments in [["inspect", tinyAdapter], ["inspect", tinyAdapter, "--json"]] {
      let output = try Tool.run(arguments).output
      #expect(output.utf8.last == UInt8(ascii: "\n"))
      #expect(output.utf8.dropLast().last != UInt8(ascii: "\n"))
    }
  }

  @Test func anAdapterIsToldByItsTensors() throws {
    try withTemporaryDirectory { folder in
      try copy(["adapter_config.json", "adapter_model.safetensors"], from: tinyAdapter, to: folder)
      try copy(["config.json", "model.safetensors"], from: tinyModel, to: folder)
      for (name, kind) in [
        ("adapter_model.safetensors", "adapter"), ("model.safetensors", "checkpoint"),
      ] {
        let outcome = try Tool.run(["inspect", Paths.join(folder, name), "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try JSONValue.parse(outcome.output)["kind"]?.stringValue == kind)
      }
    }
  }

  @Test func anArtifactsLatentsHaveDigests() throws {
    try withTemporaryDirectory { folder in
      let artifact = try convert(base: tinyModel, in: folder)
      func digests(_ arguments: [String]) throws -> [String?] {
        let outcome = try Tool.run(["inspect", artifact, "--json"] + arguments)
        let value = try JSONValue.parse(outcome.output)
        return (value["tensors"]?.arrayValue ?? []).map { $0["sha256"]?.stringValue }
      }
      #expect(try digests([]).allSatisfy { $0 == nil })
      let found = try digests(["--digest"]).compactMap { $0 }
      #expect(try found.count == digests([]).count && !found.isEmpty)
      #expect(found.allSatisfy { $0.utf8.count == 64 })
    }
  }

  @Test func aMergedModelIsABaseWithItsTokenizer() throws {
    try withTemporaryDirectory { folder in
      let base = Paths.join(folder, "base")
      try copy(["config.json", "model.safetensors"], from: tinyModel, to: base)
      let artifact = try convert(base: base, in: folder)
      func export(to name: String) throws -> Tool.Outcome {
        try Tool.run(
          [
            "export", artifact, "--base", base, "--to", "merged", "--log", "plain", "--json",
            "-o", Paths.join(folder, name),
          ], cache: folder)
      }
      let without = try export(to: "without")
      #expect(without.status == 0 && without.errors.contains("warning: no tokenizer is written"))

      try AtomicFile.write(Paths.join(base, "tokenizer.json"), text: "{\"a\": 1}")
      try AtomicFile.write(Paths.join(base, "generation_config.json"), text: "{}")
      let with = try export(to: "with")
      #expect(with.status == 0 && !with.errors.contains("warning"), "\(with.errors)")
      let document = try JSONValue.parse(with.output)
      #expect(document["schema"]?.stringValue == "xspress.export/1")
      #expect(document["artifact"]?.stringValue == artifact)
      #expect(document["to"]?.stringValue == "merged")
      let directory = try #require(document["directory"]?.stringValue)
      #expect(directory == Paths.join(folder, "with"))
      #expect(
        try Paths.entries(of: directory)
          == ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"])
      let bytes = try InputFile(Paths.join(directory, "tokenizer.json")).readAll(limit: 1 << 10)
      #expect(bytes == Array("{\"a\": 1}".utf8))
      let inspected = try Tool.run(["inspect", directory, "--json"]).output
      #expect(try JSONValue.parse(inspected)["format"]?.stringValue == "hf")
    }
  }

  @Test func aReportReplacesAReportAndNothingElse() throws {
    try withTemporaryDirectory { folder in
      try AtomicFile.write(
        Paths.join(folder, "m.yaml"),
        text: """
          schema: xspress.manifest/1
          bases:
            tiny: {path: \(tinyModel)}
          defaults: {rank: 4}
          adapters:
            - {path: \(tinyAdapter), name: one}

          """)
      let run = Paths.join(folder, "run")
      let batch = try Tool.run(["batch", Paths.join(folder, "m.yaml"), "-o", run], cache: folder)
      #expect(batch.status == 0, "\(batch.errors)")

      let output = Paths.join(folder, "report")
      for _ in 0..<2 {
        let outcome = try Tool.run(["report", run, "-o", output, "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let document = try JSONValue.parse(outcome.output)
        #expect(document["schema"]?.stringValue == "xspress.report-written/1")
        #expect(document["directory"]?.stringValue == output)
        #expect(document["jobs"]?.intValue == 1)
      }

      let foreign = Paths.join(folder, "foreign")
      try Paths.makeDirectory(foreign)
      try AtomicFile.write(Paths.join(foreign, "report.json"), text: "{}")
      let refused = try Tool.run(["report", run, "-o", foreign])
      #expect(refused.status == 73 && refused.errors.contains("OUT-EXISTS"), "\(refused.errors)")
      #expect(try Paths.entries(of: foreign) == ["report.json"])
      #expect(try Tool.run(["report", run, "-o", foreign, "--force"]).status == 0)
      #expect(try Paths.entries(of: foreign).count == 5)
    }
  }

  /// A limit that does not hold all bases is kept, and said; the result is the same.
  @Test func cachesAreBounded() throws {
    try withTemporaryDirectory { folder in
      func bytes() throws -> Int {
        let listed = try Tool.run(["cache", "list", "--json"], cache: folder)
        return try #require(try JSONValue.parse(listed.output)["bytes"]?.intValue)
      }
      let bases = { (limit: [String]) in
        try Tool.run(
          ["bases", "--base", tinyModel, "--rank", "4", "--json"] + limit, cache: folder)
      }
      let whole = try bases([])
      #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole.errors)")
      let all = try bytes()
      let pruned = try Tool.run(
        ["cache", "prune", "--cache-limit", "\(all / 2)", "--json"], cache: folder)
      let removed = try #require(try JSONValue.parse(pruned.output)["bytes"]?.intValue)
      let left = try bytes()
      #expect(removed > 0 && left > 0 && removed + left == all && left <= all / 2)
      let bounded = try bases(["--cache-limit", "\(all * 3 / 4)"])
      #expect(bounded.status == 0 && bounded.errors.contains("finds no room"), "\(bounded.errors)")
      let kept = try bytes()
      #expect(kept > left && kept <= all * 3 / 4)
      let refused = try bases(["--cache-limit", "little"])
      #expect(refused.status == 64 && refused.errors.contains("--cache-limit"))
    }
  }

  /// Workers keep the bound that their batch was given.
  @Test func workersKeepTheBound() throws {
    try withTemporaryDirectory { folder in
      let manifest = Paths.join(folder, "m.yaml")
      try AtomicFile.write(
        manifest,
        text: """
          schema: xspress.manifest/1
          bases: {tiny: {path: \(tinyModel)}}
          adapters:
            - {path: \(tinyAdapter), name: a, rank: 4}
          """)
      for (limit, isKept) in [("100", false), ("1GB", true)] {
        let run = Paths.join(folder, "run-\(limit)")
        let outcome = try Tool.run(
          ["batch", manifest, "-o", run, "--cache-limit", limit], cache: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("finds no room") != isKept, "\(outcome.errors)")
        let cache = CacheDirectory(Paths.join(folder, "xspress"))
        #expect(try cache.entries().isEmpty != isKept)
      }
    }
  }

  @Test func pruningListsWhatItRemoved() throws {
    try withTemporaryDirectory { folder in
      _ = try convert(base: tinyModel, in: folder)
      func cache(_ command: String) throws -> JSONValue {
        try JSONValue.parse(Tool.run(["cache", command, "--json"], cache: folder).output)
      }
      let listed = try cache("list")
      let pruned = try cache("prune")
      #expect(pruned["schema"]?.stringValue == "xspress.cache-pruned/1")
      #expect(pruned["entries"]?.arrayValue?.isEmpty == false)
      for key in ["directory", "bytes", "entries"] { #expect(pruned[key] == listed[key]) }
      #expect(try cache("list")["bytes"]?.intValue == 0)
    }
  }
}
