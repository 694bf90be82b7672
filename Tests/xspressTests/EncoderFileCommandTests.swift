import Adapters
import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Encoders in GGUF through the tool: the same results as with the folder of the same weights, exports that measure as the artifact
/// does, and what an adapter was for.
@Suite struct EncoderFileCommandTests {
  typealias Place = EncoderCommandTests.Place

  private static func model(_ name: String) -> String { Checkout.path("golden/models/\(name)") }

  /// A random adapter of rank 2 for queries and values of an encoder, with `task` for `task_type`.
  private func write(_ name: String, prefix: String, task: JSONValue, to folder: String) throws {
    var generator = SeededGenerator(seed: 7)
    func matrix(_ rows: Int, _ columns: Int) -> Matrix<Float> {
      Matrix(
        rows: rows, columns: columns,
        elements: generator.normals(rows * columns).map { Float($0 / 4) })
    }
    let updates = (0..<2).flatMap { layer in
      ["query", "value"].map { kind in
        LowRankUpdate(
          moduleName: "\(prefix)encoder.layer.\(layer).attention.self.\(kind)",
          loraA: matrix(2, 32), loraB: matrix(32, 2), scaling: 1)
      }
    }
    try PEFTWriter.write(updates, to: folder, baseModelName: name)
    let path = folder + "/adapter_config.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let changed = text.replacing("\"CAUSAL_LM\"", with: task.text())
    #expect(changed != text || task == "CAUSAL_LM")
    try AtomicFile.write(path, text: changed)
  }

  private func addTokenizer(_ name: String, to folder: String) throws {
    #expect(Paths.kind(of: folder + "/tokenizer.json") == .missing)
    try FileManager.default.copyItem(
      atPath: Self.model(name) + "/tokenizer.json", toPath: folder + "/tokenizer.json")
  }

  private func task(of folder: String) throws -> JSONValue? {
    try JSONValue.parse(InputFile(folder + "/adapter_config.json").readAll(limit: 1 << 20))[
      "task_type"]
  }

  @Test(arguments: ["roberta", "xlm-roberta"]) func aFileIsTheSameBase(_ name: String) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try AtomicFile.write(
        path("rows.jsonl"), text: EncoderCommandTests.rows(12) { "\"label\": \($0 % 2)" })
      try write(name, prefix: "roberta.", task: "SEQ_CLS", to: path("adapter"))
      let bases = [Self.model(name), Self.model(name + "/model.gguf")]
      var losses: [[Double]] = []
      for (index, base) in bases.enumerated() {
        let artifact = path("\(index).loraxs")
        _ = try path.run(
          "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "--calibrate",
          path("rows.jsonl"), "-o", artifact)
        // Each artifact on both.
        for other in bases {
          losses.append(
            try path.figures(
              "nll", base: other, "--adapter", path("adapter"), "--artifact", artifact))
        }
      }
      #expect(losses.allSatisfy { $0.count == 3 && relativeError($0, losses[0]) < 1e-5 })
      #expect(abs(losses[0][1] - losses[0][0]) > 1e-3 && losses[0][2] != losses[0][0])

      let stored = losses[0][2]
      func export(_ target: String, _ output: String) throws -> String {
        _ = try path.run(
          "export", path("1.loraxs"), "--base", bases[1], "--to", target, "--dtype", "f32", "-o",
          path(output))
        return path(output)
      }
      for (target, output) in [("merged", "merged"), ("merged-gguf", "merged.gguf")] {
        let model = try export(target, output)
        // Unigram is not written as tokenizer.json, byte-level merges are.
        if target == "merged", name == "xlm-roberta" { try addTokenizer(name, to: model) }
        let loss = try path.figures("nll", base: model)[0]
        #expect(abs(loss - stored) < 1e-4, "\(target) \(loss) for \(stored)")
      }
      for (target, output) in [("peft", "peft"), ("gguf-lora", "lora.gguf")] {
        let adapter = try export(target, output)
        for base in bases {
          let loss = try path.figures("nll", base: base, "--adapter", adapter)[1]
          #expect(abs(loss - stored) < 1e-4, "\(target) \(loss) for \(stored)")
        }
      }
      #expect(try task(of: path("peft")) == "SEQ_CLS")
      // The rows of positions that no token has are zeros, and the folder is whole.
      let merged = try BaseCheckpoint.open(path("merged"))
      #expect(merged.configuration.positionOffset == 2 && merged.configuration.contextLength == 64)
    }
  }

  /// A head with a dense layer of its own, trained on a file that has none.
  @Test func aNewHeadIsExported() throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      let base = EncoderCommandTests.file.path
      try AtomicFile.write(
        path("rows.jsonl"), text: EncoderCommandTests.rows(12) { "\"label\": \($0 % 3)" })
      _ = try path.run(
        "tune", "--base", base, "--rank", "2", "--target-modules", "query", "--directions", "top",
        "--init", "normal", "--train", path("rows.jsonl"), "--steps", "5", "--batch-size", "4",
        "-o", path("t.loraxs"))
      let stored = try path.figures("nll", base: base, "--artifact", path("t.loraxs"))[1]
      for target in ["peft", "merged"] {
        _ = try path.run(
          "export", path("t.loraxs"), "--base", base, "--to", target, "--dtype", "f32", "-o",
          path(target))
      }
      try addTokenizer("bert", to: path("merged"))
      let merged = try path.figures("nll", base: path("merged"))[0]
      let peft = try path.figures("nll", base: base, "--adapter", path("peft"))[1]
      #expect(abs(merged - stored) < 1e-4 && abs(peft - stored) < 1e-4, "\(merged) \(peft)")
      #expect(try task(of: path("peft")) == "SEQ_CLS")
      let names = try BaseCheckpoint.open(path("merged")).configuration.classHead?.names
      #expect(names == ["entailment", "neutral", "contradiction"])
      for target in ["merged-gguf", "gguf-lora"] {
        let outcome = try Tool.run(
          [
            "export", path("t.loraxs"), "--base", base, "--to", target, "-o", path("x.gguf"),
          ], cache: folder)
        #expect(outcome.status == 69 && outcome.errors.contains("AD-EXPORT"), "\(outcome.errors)")
      }
    }
  }

  /// An adapter whose head reads through the pooler is converted, and not run on a file without one.
  @Test func headsWithoutTheirPoolerAreCarried() throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try write("bert", prefix: "bert.", task: "SEQ_CLS", to: path("adapter"))
      let file = path("adapter/adapter_model.safetensors")
      let factors = try SafeTensorsFile.open(file)
      var writer = SafeTensorsWriter()
      for tensor in factors.tensors {
        try writer.add(
          tensor.name, dtype: .f32, shape: tensor.shape, floats: try factors.floats(of: tensor))
      }
      for (leaf, shape) in [("weight", [2, 32]), ("bias", [2])] {
        try writer.add(
          "base_model.model.classifier.\(leaf)", dtype: .f32, shape: shape,
          floats: [Float](repeating: 0.5, count: shape.reduce(1, *)))
      }
      try writer.write(to: file)
      let config = path("adapter/adapter_config.json")
      let text = try String(contentsOfFile: config, encoding: .utf8)
      try AtomicFile.write(
        config,
        text: text.replacing(
          "\"modules_to_save\": null", with: "\"modules_to_save\": [\"classifier\"]"))
      let base = Self.model("bert/model.gguf")
      let outcome = try Tool.run(
        [
          "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "-o",
          path("c.loraxs"), "--threads", "1",
        ], cache: folder)
      #expect(outcome.status == 0 && outcome.errors.contains("AD-HEAD"), "\(outcome.errors)")
      try AtomicFile.write(
        path("rows.jsonl"), text: EncoderCommandTests.rows(4) { "\"label\": \($0 % 2)" })
      let measured = try Tool.run(
        [
          "evaluate", "--base", base, "--artifact", path("c.loraxs"), "--data", path("rows.jsonl"),
        ], cache: folder)
      #expect([65, 69].contains(measured.status), "\(measured.output)")
      #expect(measured.faultLines.count == 1, "\(measured.errors)")
    }
  }

  // MARK: - What an adapter was for

  @Test(
    arguments: [
      ("SEQ_CLS", "SEQ_CLS"), ("TOKEN_CLS", "TOKEN_CLS"), ("QUESTION_ANS", "QUESTION_ANS"),
      ("FEATURE_EXTRACTION", "FEATURE_EXTRACTION"), (nil, "FEATURE_EXTRACTION"),
      ("MINE", "FEATURE_EXTRACTION"),
    ] as [(String?, String)])
  func whatAnAdapterWasForIsKept(stated: String?, exported: String) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      let base = Self.model("bert/model.gguf")
      try write("bert", prefix: "", task: stated.map { .string($0) } ?? .null, to: path("adapter"))
      _ = try path.run(
        "convert", "--base", base, "--adapter", path("adapter"), "--rank", "2", "-o",
        path("c.loraxs"))
      for target in ["peft", "lora-xs"] {
        _ = try path.run(
          "export", path("c.loraxs"), "--base", base, "--to", target, "-o", path(target))
      }
      #expect(try task(of: path("peft")) == .string(exported))
      #expect(try task(of: path("lora-xs/ft")) == .string(exported))
      // A model for features has no first component in front of its names.
      let modules = try Adapter.open(path("peft")).updates.map(\.moduleName)
      let isBare = exported == "FEATURE_EXTRACTION"
      #expect(modules.allSatisfy { $0.hasPrefix(isBare ? "encoder." : "bert.encoder.") })
      // The same updates, found again.
      _ = try path.run(
        "convert", "--base", base, "--adapter", path("peft"), "--rank", "2", "-o",
        path("again.loraxs"))
    }
  }

  @Test func whatAnAdapterForTokensWasForIsKept() throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      let base = Checkout.path("golden/tiny/model")
      for task in ["CAUSAL_LM", "FEATURE_EXTRACTION"] {
        let adapter = path("adapter-\(task)")
        try FileManager.default.copyItem(
          atPath: Checkout.path("golden/tiny/adapter"), toPath: adapter)
        let config = adapter + "/adapter_config.json"
        let text = try String(contentsOfFile: config, encoding: .utf8)
        try AtomicFile.write(config, text: text.replacing("CAUSAL_LM", with: task))
        let artifact = path(task + ".loraxs")
        _ = try path.run(
          "convert", "--base", base, "--adapter", adapter, "--rank", "2", "-o", artifact)
        _ = try path.run(
          "export", artifact, "--base", base, "--to", "peft", "-o", path("peft-\(task)"))
        #expect(try self.task(of: path("peft-\(task)")) == .string(task))
      }
    }
  }
}
