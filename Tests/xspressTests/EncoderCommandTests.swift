import Checkpoints
import Files
import Foundation
import JSON
import TestSupport
import Testing

/// Encoders through the tool: conversion of an adapter for classes with calibration, tuning to a size, measurement and exports
/// that measure as the artifact does; and training from nothing with a head of its own.
@Suite struct EncoderCommandTests {
  /// A model without a head for classes, and what it calls its projections.
  struct Base: Sendable, CustomTestStringConvertible {
    let name: String
    let query: String
    let value: String
    /// The outermost layer of the head that is put on it.
    let head: String

    var path: String { Checkout.path("golden/models/\(name)") }
    var testDescription: String { name }
  }

  static let roberta = Base(
    name: "roberta-masked", query: "query", value: "value", head: "classifier.out_proj")
  static let bases = [
    roberta,
    Base(name: "deberta-masked", query: "query_proj", value: "value_proj", head: "classifier"),
  ]
  /// A file without the pooler that heads of its family read through: a new one brings a dense layer of its own.
  static let file = Base(
    name: "bert/model.gguf", query: "query", value: "value", head: "bert.pooler.dense")

  /// Texts and pairs, each with `answer` of its number.
  static func rows(_ count: Int, _ answer: (Int) -> String) -> String {
    (0..<count).map { index in
      let pair = index % 2 == 0 ? "" : ", \"text_pair\": \"and \(index)\""
      let words = ["good fine", "bad dull", "so so"][index % 3]
      return "{\"text\": \"\(words) \(index)\"\(pair), \(answer(index))}\n"
    }.joined()
  }

  struct Place {
    let folder: String
    func callAsFunction(_ name: String) -> String { Paths.join(folder, name) }

    func run(_ arguments: String...) throws -> String {
      let outcome = try Tool.run(arguments + ["--threads", "1"], cache: folder)
      #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
      return outcome.output
    }

    /// A figure of every variant, the base first.
    func figures(
      _ key: String, of list: String = "variants", base: String, _ variants: String...
    ) throws -> [Double] {
      let outcome = try Tool.run(
        ["evaluate", "--base", base, "--data", self("rows.jsonl"), "--json"] + variants,
        cache: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let rows = try JSONValue.parse(Array(outcome.output.utf8))[list]?.arrayValue ?? []
      return rows.compactMap { $0[key]?.doubleValue }
    }
  }

  @Test(arguments: bases) func adaptersForClassesAreConverted(_ base: Base) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try AtomicFile.write(
        path("rows.jsonl"), text: Self.rows(12) { "\"label\": \($0 % 3 == 0 ? 1 : 0)" })
      let adapter = base.path + "/adapter"
      _ = try path.run(
        "convert", "--base", base.path, "--adapter", adapter, "--rank", "2", "--calibrate",
        path("rows.jsonl"), "-o", path("c.loraxs"))
      let tuned = path("t.loraxs")
      _ = try path.run(
        "tune", "--base", base.path, "--adapter", adapter, "--budget", "8KB", "--train",
        path("rows.jsonl"), "--steps", "3", "--batch-size", "4", "--eval", path("rows.jsonl"),
        "-o", tuned)
      let size = try FileManager.default.attributesOfItem(atPath: tuned)[.size] as? Int
      #expect(try #require(size) <= 8 << 10)
      let found = try path.figures(
        "nll", base: base.path, "--adapter", adapter, "--artifact", path("c.loraxs"),
        "--artifact", tuned)
      #expect(found.count == 4 && found.allSatisfy(\.isFinite))
      #expect(abs(found[1] - found[0]) > 1e-4 && found[3] != found[0])
      #expect(
        try path.figures("matthews", base: base.path, "--artifact", tuned).count == 2)

      for (target, output) in [("peft", "peft"), ("merged", "merged")] {
        _ = try path.run(
          "export", tuned, "--base", base.path, "--to", target, "--dtype", "f32", "-o",
          path(output))
        let loss =
          target == "merged"
          ? try path.figures("nll", base: path(output))[0]
          : try path.figures("nll", base: base.path, "--adapter", path(output))[1]
        #expect(abs(loss - found[3]) < 1e-4, "\(target) \(loss) for \(found[3])")
      }
      let text = try String(
        contentsOfFile: path("peft/adapter_config.json"), encoding: .utf8)
      #expect(text.contains("SEQ_CLS"))
      let refused = try Tool.run(
        [
          "export", tuned, "--base", base.path, "--to", "gguf-lora", "-o", path("lora.gguf"),
        ], cache: folder)
      #expect(refused.status == 69 && refused.errors.contains("AD-EXPORT"))
    }
  }

  /// A head for tokens stays one: nothing is measured with its artifact, and it is exported as what it was.
  @Test(arguments: bases) func headsForTokensAreKeptAndNotRun(_ base: Base) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try FileManager.default.copyItem(atPath: base.path + "/adapter", toPath: path("adapter"))
      let config = path("adapter/adapter_config.json")
      let text = try String(contentsOfFile: config, encoding: .utf8)
      try AtomicFile.write(config, text: text.replacing("SEQ_CLS", with: "TOKEN_CLS"))
      _ = try path.run(
        "convert", "--base", base.path, "--adapter", path("adapter"), "--rank", "2", "-o",
        path("c.loraxs"))
      _ = try path.run(
        "export", path("c.loraxs"), "--base", base.path, "--to", "peft", "-o", path("peft"))
      let exported = try String(contentsOfFile: path("peft/adapter_config.json"), encoding: .utf8)
      #expect(exported.contains("\"TOKEN_CLS\"") && !exported.contains("SEQ_CLS"))
      try AtomicFile.write(path("rows.jsonl"), text: Self.rows(4) { "\"label\": \($0 % 2)" })
      let outcome = try Tool.run(
        [
          "evaluate", "--base", base.path, "--artifact", path("c.loraxs"), "--data",
          path("rows.jsonl"),
        ], cache: folder)
      #expect(outcome.status == 69 && outcome.errors.contains("MD-HEAD"), "\(outcome.errors)")
      #expect(outcome.faultLines.count == 1)
    }
  }

  /// Three classes by numbers alone on a model without a head: the head is made, trained, stored and found again.
  @Test(arguments: bases + [file]) func headsAreTrainedFromNothing(_ base: Base) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try AtomicFile.write(path("rows.jsonl"), text: Self.rows(24) { "\"label\": \($0 % 3)" })
      func tune(_ folder: String) throws -> JSONValue {
        try Paths.makeDirectory(path(folder))
        let text = try path.run(
          "tune", "--base", base.path, "--rank", "2", "--target-modules", base.query,
          "--directions", "top", "--init", "normal", "--train", path("rows.jsonl"),
          "--validation", path("rows.jsonl"), "--steps", "60", "--batch-size", "8", "--eval",
          path("rows.jsonl"), "--json", "-o", path(folder + "/t.loraxs"))
        return try JSONValue.parse(Array(text.utf8))
      }
      let record = try tune("a")
      let artifact = path("a/t.loraxs")
      let variants = record["evaluation"]?["variants"]?.arrayValue ?? []
      func nll(_ kind: String) throws -> Double {
        try #require(variants.first { $0["kind"]?.stringValue == kind }?["nll"]?.doubleValue)
      }
      let (start, tuned, stored) = try (nll("start"), nll("tuned"), nll("artifact"))
      // At first every class is about as likely; then the loss falls, and storing changes little.
      #expect(abs(start - 1.1) < 0.2 && tuned < start - 0.01, "\(start) \(tuned)")
      #expect(abs(stored - tuned) < 0.05)
      // Found again by the file alone, whose head the base borrows.
      let found = try path.figures(
        "nll", base: base.path, "--artifact", artifact)
      #expect(found.count == 2 && abs(found[1] - stored) < 1e-4)
      let listed = try path.run("inspect", artifact)
      #expect(listed.contains(base.head + ".weight"))
      // The same job is the same file.
      _ = try tune("b")
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: artifact))
          == Data(contentsOf: URL(fileURLWithPath: path("b/t.loraxs"))))
    }
  }

  @Test(arguments: bases) func numbersAreTrainedAndMeasured(_ base: Base) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      try AtomicFile.write(
        path("rows.jsonl"), text: Self.rows(16) { "\"score\": \(Double($0 % 4) / 2)" })
      _ = try path.run(
        "tune", "--base", base.path, "--rank", "2", "--target-modules", base.query,
        "--target-modules", base.value,
        "--directions", "top", "--init", "normal", "--train", path("rows.jsonl"), "--steps", "20",
        "--batch-size", "8", "-o", path("t.loraxs"))
      let pearson = try path.figures(
        "pearson", base: base.path, "--artifact", path("t.loraxs"))
      #expect(pearson.count == 2 && pearson.allSatisfy { abs($0) <= 1 })
      let deltas = try path.figures(
        "pearson_delta", of: "pairs", base: base.path, "--artifact", path("t.loraxs"))
      #expect(deltas.count == 1 && abs(deltas[0] - (pearson[1] - pearson[0])) < 1e-9)
      let table = try path.run(
        "evaluate", "--base", base.path, "--artifact", path("t.loraxs"), "--data",
        path("rows.jsonl"))
      #expect(table.contains("Spearman") && !table.contains("nan"))
    }
  }

  @Test(arguments: [
    (["tune", "--train", "mixed.jsonl"], 65, "DATA-LABEL"),
    (["tune", "--train", "plain.jsonl"], 65, "DATA-HEAD"),
    (["tune", "--train", "named.jsonl"], 65, "DATA-LABEL"),
  ])
  func whatHasNoHeadIsRefused(arguments: [String], status: Int32, code: String) throws {
    try withTemporaryDirectory { folder in
      let path = Place(folder: folder)
      let files = [
        "mixed": Self.rows(4) { $0 == 1 ? "\"label\": 1" : "\"score\": 1" },
        "plain": "{\"text\": \"a\"}\n", "named": Self.rows(2) { _ in "\"label\": \"x\"" },
      ]
      for (name, text) in files { try AtomicFile.write(path(name + ".jsonl"), text: text) }
      let all = arguments.map { $0.hasSuffix(".jsonl") ? path($0) : $0 }
      let outcome = try Tool.run(
        all + [
          "--base", Self.roberta.path, "--rank", "2", "--target-modules", "query", "--directions",
          "top",
          "--init", "normal", "-o", path("t.loraxs"),
        ], cache: folder)
      #expect(outcome.status == status && outcome.faultLines.count == 1)
      #expect(outcome.errors.contains(code), "\(outcome.errors)")
    }
  }
}
