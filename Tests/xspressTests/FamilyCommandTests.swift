import Adapters
import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Every family of `golden/models/` through the tool: an adapter of all its linear modules is converted and exported on
/// either form of the base, where there are two.
@Suite struct FamilyCommandTests {
  /// Of a family that has one form alone the adapter comes back as it was, and merging changes what it is for.
  @Test(arguments: GoldenFamilies.all.filter { !GoldenFamilies.withGGUF.contains($0) })
  func convertsAndExportsOneForm(_ name: String) throws {
    try withConversion(of: name) { base, original, path, run in
      for target in ["merged", "peft"] {
        try run(
          "export", path("a.loraxs"), "--base", base, "--to", target, "--dtype", "f32", "-o",
          path(target))
      }
      let merged = try BaseCheckpoint.open(path("merged"))
      #expect(merged.configuration.blocks == original.configuration.blocks)
      let changed = try original.configuration.parameters.filter {
        try merged.digest($0.name) != original.digest($0.name)
      }
      #expect(changed.count == original.linearModules.count)
      try expectAllModules(path("peft"), original)
    }
  }

  @Test(arguments: GoldenFamilies.withGGUF)
  func convertsAndExports(_ name: String) throws {
    try withConversion(of: name) { base, original, path, run in
      let gguf = base + "/model.gguf"
      let artifact = path("a.loraxs")
      try run(
        "export", artifact, "--base", base, "--to", "merged", "--dtype", "f32", "-o", path("hf"))
      try run(
        "export", artifact, "--base", gguf, "--to", "merged", "--dtype", "f32", "-o",
        path("from-gguf"))
      try run(
        "export", artifact, "--base", gguf, "--to", "merged-gguf", "--dtype", "f32", "-o",
        path("merged.gguf"))
      try run("export", artifact, "--base", gguf, "--to", "peft", "-o", path("peft"))
      let merged = try ["hf", "from-gguf", "merged.gguf"].map {
        try BaseCheckpoint.open(path($0))
      }
      #expect(merged[0].configuration == original.configuration)
      #expect(merged[2].configuration == (try BaseCheckpoint.open(gguf).configuration))
      #expect(
        merged[1].configuration.blocks.map(plain) == merged[2].configuration.blocks.map(plain))
      var changed = 0
      for parameter in original.configuration.parameters {
        if merged[0].checkpoint.tensor(parameter.name) == nil { continue }
        let digests = try merged.map { try $0.digest(parameter.name) }
        #expect(Set(digests).count == 1, "\(parameter.name)")
        if try digests[0] != original.digest(parameter.name) { changed += 1 }
      }
      #expect(changed == original.linearModules.count)
      try expectAllModules(path("peft"), original)
    }
  }

  // MARK: - With data

  /// What a user does with a model of the family: conversion with calibration, tuning to a size, measurement, and exports
  /// that measure as the artifact does.
  @Test(arguments: GoldenFamilies.withGGUF + ["llama"])
  func tunesMeasuresAndExports(_ name: String) throws {
    try withTemporaryDirectory { folder in
      func path(_ name: String) -> String { Paths.join(folder, name) }
      func run(_ arguments: String...) throws -> String {
        let outcome = try Tool.run(arguments + ["--threads", "1"], cache: folder)
        #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
        return outcome.output
      }
      func losses(base: String, _ variants: String...) throws -> [Double] {
        let outcome = try Tool.run(
          ["evaluate", "--base", base, "--data", path("rows.jsonl"), "--json"] + variants,
          cache: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let rows = try JSONValue.parse(Array(outcome.output.utf8))["variants"]?.arrayValue ?? []
        return rows.compactMap { $0["nll"]?.doubleValue }
      }
      var base = Checkout.path("golden/models/\(name)/model.gguf")
      if name == "llama" {
        base = path("llama.gguf")
        var builder = try TinyLlama.gguf()
        TinyLlama.addTokenizer(to: &builder)
        try AtomicFile.write(base, bytes: builder.bytes())
      }
      let rows = (0..<12).map { "{\"prompt\": \"AB\($0)C\", \"completion\": \"D\($0 % 3)\"}\n" }
      try AtomicFile.write(path("rows.jsonl"), bytes: Array(rows.joined().utf8))
      let original = try BaseCheckpoint.open(base)
      try PEFTWriter.write(updates(original), to: path("adapter"), baseModelName: nil)
      let hasExperts = original.configuration.expertCount > 0
      // Names of modules take some.
      let budget = hasExperts ? 10_000 : 6000

      _ = try run(
        "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "--calibrate",
        path("rows.jsonl"), "-o", path("c.loraxs"))
      let tuned = path("t.loraxs")
      _ = try run(
        "tune", "--base", base, "--adapter", path("adapter"), "--budget", "\(budget)", "--train",
        path("rows.jsonl"), "--steps", "3", "--batch-size", "4", "--eval", path("rows.jsonl"),
        "-o", tuned)
      let size = try FileManager.default.attributesOfItem(atPath: tuned)[.size] as? Int
      #expect(try #require(size) <= budget)

      let found = try losses(
        base: base, "--adapter", path("adapter"), "--artifact", path("c.loraxs"), "--artifact",
        tuned)
      #expect(found.count == 4 && found.allSatisfy(\.isFinite))
      // The adapter changes the model, and so does the artifact.
      #expect(abs(found[1] - found[0]) > 1e-3 && found[3] != found[0])

      // One change, whatever it is written as.
      for (target, output) in [
        ("peft", "peft"), ("gguf-lora", "lora.gguf"), ("merged", "merged"),
        ("merged-gguf", "merged.gguf"),
      ] {
        if hasExperts, target == "gguf-lora" {
          let outcome = try Tool.run(
            ["export", tuned, "--base", base, "--to", target, "-o", path(output)], cache: folder)
          #expect(outcome.status == 69 && outcome.errors.contains("all experts"))
          continue
        }
        _ = try run(
          "export", tuned, "--base", base, "--to", target, "--dtype", "f32", "-o", path(output))
        let loss =
          target.hasPrefix("merged")
          ? try losses(base: path(output))[0]
          : try losses(base: base, "--adapter", path(output))[1]
        #expect(abs(loss - found[3]) < 1e-4, "\(target) \(loss) for \(found[3])")
      }
    }
  }

  /// Runs `body` with a family's base, a place for files and the tool, where `a.loraxs` was converted from an adapter of all
  /// modules: directions and values follow from the weights, whatever form these have.
  private func withConversion(
    of name: String,
    _ body: (
      _ base: String, _ original: BaseCheckpoint, _ path: (String) -> String,
      _ run: (String...) throws -> Void
    ) throws -> Void
  ) throws {
    let base = Checkout.path("golden/models/\(name)")
    try withTemporaryDirectory { folder in
      func path(_ name: String) -> String { Paths.join(folder, name) }
      func run(_ arguments: String...) throws {
        let outcome = try Tool.run(arguments, cache: folder)
        #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
      }
      let original = try BaseCheckpoint.open(base)
      try PEFTWriter.write(updates(original), to: path("adapter"), baseModelName: nil)
      try run(
        "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "-o",
        path("a.loraxs"))
      try body(base, original, path, run)
    }
  }

  private func expectAllModules(_ adapter: String, _ original: BaseCheckpoint) throws {
    let back = try Adapter.open(adapter).matched(to: original.configuration)
    #expect(back.updates.map(\.moduleName) == original.linearModules.map(\.name))
  }

  /// LongRoPE's factor on cosines and sines has two places.
  private func plain(_ block: Block) -> Block {
    var block = block
    if let rotary = block.attention.rotary, case .longrope(var rule) = rotary.scaling.kind {
      rule.attentionFactor *= rotary.scaling.magnitude
      block.attention.rotary?.scaling = RotaryScaling(.longrope(rule))
    }
    return block
  }

  private func updates(_ base: BaseCheckpoint) -> [LowRankUpdate] {
    base.linearModules.enumerated().map { index, module in
      var generator = SeededGenerator(seed: 7, stream: UInt64(index + 1))
      func factor(_ rows: Int, _ columns: Int) -> Matrix<Float> {
        Matrix(
          rows: rows, columns: columns,
          elements: generator.normals(rows * columns).map { Float(0.1 * $0) })
      }
      return LowRankUpdate(
        moduleName: module.name, loraA: factor(2, module.inFeatures),
        loraB: factor(module.outFeatures, 2), scaling: 2)
    }
  }
}
