import Foundation
import JSON
import TestSupport
import Testing

/// Vision transformers through the tool: conversion of an adapter for classes of images with calibration, tuning to a size,
/// measurement and exports that measure as the artifact does; and training from nothing with a head of its own.
@Suite struct ImageCommandTests {
  private static let vit = Checkout.path("golden/models/vit")

  private static func run(_ arguments: [String], _ folder: String) throws -> String {
    let outcome = try Tool.run(arguments + ["--threads", "1"], cache: folder)
    #expect(outcome.status == 0, "\(arguments) \(outcome.errors)")
    return outcome.output
  }

  /// NLL of every variant, the base first.
  private static func losses(
    _ base: String, data: String, _ folder: String, _ variants: String...
  ) throws -> [Double] {
    let text = try run(
      ["evaluate", "--base", base, "--data", data, "--json"] + variants, folder)
    let rows = try JSONValue.parse(Array(text.utf8))["variants"]?.arrayValue ?? []
    return rows.compactMap { $0["nll"]?.doubleValue }
  }

  /// One label that is none would be a head of as many classes.
  @Test func labelsBeyondReasonAreRefused() throws {
    try withTemporaryDirectory { folder in
      try ImageFiles.copy(to: folder)
      let rows = folder + "/rows.jsonl"
      let text = try String(contentsOfFile: rows, encoding: .utf8)
        .replacingOccurrences(of: "\"label\": 2", with: "\"label\": 65535")
      try text.write(toFile: rows, atomically: true, encoding: .utf8)
      let found = try Tool.run(
        [
          "tune", "--base", Checkout.path("golden/models/vit-bare"), "--rank", "2", "--train", rows,
          "-o", folder + "/a.loraxs",
        ], cache: folder)
      #expect(found.status == 65 && found.errors.contains("DATA-LABEL"), "\(found.errors)")
      #expect(found.errors.contains("65536 classes"), "\(found.errors)")
    }
  }

  @Test func adaptersForImagesAreConverted() throws {
    try withTemporaryDirectory { folder in
      try ImageFiles.copy(to: folder)
      let (rows, adapter) = (folder + "/rows.jsonl", Self.vit + "/adapter")
      let common = ["--base", Self.vit, "--adapter", adapter]
      _ = try Self.run(
        ["convert"] + common + ["--rank", "2", "--calibrate", rows, "-o", folder + "/c.loraxs"],
        folder)
      let tuned = folder + "/t.loraxs"
      _ = try Self.run(
        ["tune"] + common + [
          "--budget", "6KB", "--train", rows, "--steps", "3", "--batch-size", "4", "-o", tuned,
        ], folder)
      let size = try FileManager.default.attributesOfItem(atPath: tuned)[.size] as? Int
      #expect(try #require(size) <= 6 << 10)
      let found = try Self.losses(
        Self.vit, data: rows, folder, "--adapter", adapter, "--artifact", folder + "/c.loraxs",
        "--artifact", tuned)
      #expect(found.count == 4 && abs(found[1] - found[0]) > 1e-4 && found[3] != found[0])

      func export(_ target: String) throws {
        _ = try Self.run(
          [
            "export", tuned, "--base", Self.vit, "--to", target, "--dtype", "f32", "-o",
            folder + "/" + target,
          ], folder)
      }
      try export("peft")
      try export("merged")
      let peft = try Self.losses(
        Self.vit, data: rows, folder, "--adapter", folder + "/peft")[1]
      let merged = try Self.losses(folder + "/merged", data: rows, folder)[0]
      #expect(
        abs(peft - found[3]) < 1e-4 && abs(merged - found[3]) < 1e-4, "\(peft) \(merged) \(found)")
      // A class of PEFT for texts would ask for tokens.
      let json = try JSONValue.parse(
        Array(Data(contentsOf: URL(fileURLWithPath: folder + "/peft/adapter_config.json"))))
      #expect(json["task_type"]?.isNull == true)
      // PEFT looks for modules by the names of the class, which are not those of its files.
      let text = try String(contentsOfFile: folder + "/peft/adapter_config.json", encoding: .utf8)
      #expect(text.contains("vit.layers.0.attention.q_proj") && !text.contains("encoder"))
    }
  }

  /// Four classes of shapes, a head that is made, trained, stored and found again.
  @Test func headsAreTrainedFromNothing() throws {
    try withTemporaryDirectory { folder in
      let data = Checkout.path("golden/data/shapes")
      let base = Checkout.path("golden/models/vit-bare")
      func tune(_ name: String) throws -> JSONValue {
        try FileManager.default.createDirectory(
          atPath: folder + "/" + name, withIntermediateDirectories: true)
        let text = try Self.run(
          [
            "tune", "--base", base, "--rank", "32", "--directions", "top", "--init", "normal",
            "--train", data + "/train.jsonl", "--steps", "250", "--batch-size", "16", "--eval",
            data + "/test.jsonl", "--eval-limit", "60", "--json", "-o",
            folder + "/\(name)/t.loraxs",
          ], folder)
        return try JSONValue.parse(Array(text.utf8))
      }
      let variants = try tune("a")["evaluation"]?["variants"]?.arrayValue ?? []
      func nll(_ kind: String) throws -> Double {
        try #require(variants.first { $0["kind"]?.stringValue == kind }?["nll"]?.doubleValue)
      }
      let (start, stored) = try (nll("start"), nll("artifact"))
      #expect(abs(start - 1.39) < 0.3 && stored < start - 0.1, "\(start) \(stored)")
      let found = try Self.losses(
        base, data: data + "/test.jsonl", folder, "--limit", "60", "--artifact",
        folder + "/a/t.loraxs")
      #expect(found.count == 2 && abs(found[1] - stored) < 1e-4, "\(found) \(stored)")
      // The same job is the same file.
      _ = try tune("b")
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: folder + "/a/t.loraxs"))
          == Data(contentsOf: URL(fileURLWithPath: folder + "/b/t.loraxs")))
    }
  }

  /// A control beside a new head has one of its own: it leaves the guess that all classes are alike as the result does.
  @Test func controlsTrainAHeadToo() throws {
    try withTemporaryDirectory { folder in
      let data = Checkout.path("golden/data/shapes")
      let text = try Self.run(
        [
          "tune", "--base", Checkout.path("golden/models/vit-bare"), "--rank", "32",
          "--train", data + "/train.jsonl", "--steps", "250", "--batch-size", "16", "--eval",
          data + "/test.jsonl", "--eval-limit", "60", "--control", "zero", "--control", "vera",
          "--json", "-o", folder + "/t.loraxs",
        ], folder)
      let variants =
        try JSONValue.parse(Array(text.utf8))["evaluation"]?["variants"]?.arrayValue ?? []
      let start = try #require(
        variants.first { $0["kind"]?.stringValue == "start" }?["nll"]?.doubleValue)
      let stored = try #require(variants.first { $0["kind"]?.stringValue == "artifact" })
      let bytes = try #require(stored["bytes"]?.intValue)
      let controls = variants.filter { $0["kind"]?.stringValue == "control" }
      #expect(controls.count == 4)
      for control in controls {
        let (nll, size) = (control["nll"]?.doubleValue ?? .nan, control["bytes"]?.intValue ?? 0)
        let name = control["name"]?.stringValue ?? ""
        #expect(nll < start - 0.1 && size < bytes + 200, "\(name) \(nll) \(size)")
        // VeRA has no more numbers to train on so small a model.
        #expect(size > (name.hasPrefix("VeRA") ? 500 : bytes / 2), "\(name) \(size)")
      }
    }
  }

  @Test func whatIsNoImageIsRefused() throws {
    try withTemporaryDirectory { folder in
      let rows = folder + "/rows.jsonl"
      try Data("{\"text\": \"a\", \"label\": 0}\n".utf8).write(to: URL(fileURLWithPath: rows))
      let outcome = try Tool.run(["evaluate", "--base", Self.vit, "--data", rows], cache: folder)
      #expect(outcome.status == 65 && outcome.faultLines.count == 1)
      #expect(outcome.errors.contains("DATA-HEAD"), "\(outcome.errors)")
    }
  }
}
