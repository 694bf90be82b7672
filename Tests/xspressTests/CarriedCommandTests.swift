import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters with more than low-rank updates, converted without loss and exported again: merged weights and the
/// PEFT export converted once more must be what PEFT merges (`golden/tools/make_variants.py`).
@Suite struct CarriedCommandTests {
  private static let model = Checkout.path("golden/tiny/model")
  private static let root = Checkout.path("golden/adapters_variants")

  private func run(_ arguments: [String], in folder: String) throws -> Tool.Outcome {
    let outcome = try Tool.run(arguments, cache: folder)
    #expect(outcome.status == 0, "\(arguments.first ?? ""): \(outcome.errors)")
    return outcome
  }

  /// The merged model of an adapter: its own directions are kept, so nothing may be lost.
  private func merged(_ adapter: String, in folder: String, _ extra: [String]) throws -> String {
    let artifact = Paths.join(folder, "a.loraxs")
    _ = try run(
      [
        "convert", "--base", Self.model, "--adapter", adapter, "--directions", "own", "--store",
        "f32",
        "-o", artifact,
      ]
        + extra, in: folder)
    let output = Paths.join(folder, "merged-\(UUID().uuidString)")
    _ = try run(
      ["export", artifact, "--base", Self.model, "--to", "merged", "-o", output], in: folder)
    return output
  }

  private func compare(_ merged: String, _ name: String, root: String = root) throws {
    let found = try SafeTensorsFile.open(Paths.join(merged, "model.safetensors"))
    let answers = try SafeTensorsFile.open(Paths.join(root, "expected.safetensors"))
    let wanted = answers.tensors.filter { $0.name.hasPrefix(name + "/") }
    #expect(wanted.count >= 2)
    for tensor in wanted {
      let parameter = String(tensor.name.dropFirst(name.count + 1))
      let error = relativeError(
        try found.floats(of: found.tensor(parameter)), try answers.floats(of: tensor))
      #expect(error < 1e-5, "\(parameter): \(error)")
    }
  }

  @Test(arguments: ["dora", "pissa", "olora", "kasa", "bdlora", "tokens", "embedding", "saved"])
  func nothingIsLost(name: String) throws {
    try withTemporaryDirectory { folder in
      let adapter = Paths.join(Self.root, name)
      try compare(try merged(adapter, in: folder, ["--dora", "keep"]), name)
      // And once more by way of PEFT's own form.
      let exported = Paths.join(folder, "peft")
      _ = try run(
        [
          "export", Paths.join(folder, "a.loraxs"), "--base", Self.model, "--to", "peft", "-o",
          exported,
        ],
        in: folder)
      try compare(try merged(exported, in: folder, ["--dora", "keep"]), name)
    }
  }

  /// Ranks above a weight's rows, and files that hold the base's own weights beside the adapter: by way of its own
  /// directions, the merged model is PEFT's, and nothing of the base is carried.
  @Test(arguments: [("rank-above", 0), ("head", 1), ("state-dictionary", 0), ("resized", 2)])
  func whatPEFTLoadsIsWhatIsMerged(name: String, carried: Int) throws {
    let root = Checkout.path("golden/adapters_loaded")
    try withTemporaryDirectory { folder in
      try compare(try merged(Paths.join(root, name), in: folder, []), name, root: root)
      let inspected = try run(["inspect", Paths.join(folder, "a.loraxs")], in: folder)
      #expect(inspected.output.split(separator: "\n").count { $0.contains("(carried)") } == carried)
    }
  }

  /// The head of a classifier, which the base lacks: carried, exported to PEFT as it was, and merged into a classifier.
  @Test func headsOfTasksAreCarried() throws {
    let adapter = Paths.join(Self.root, "classifier")
    try withTemporaryDirectory { folder in
      let artifact = Paths.join(folder, "a.loraxs")
      let converted = try run(
        ["convert", "--base", Self.model, "--adapter", adapter, "--rank", "2", "-o", artifact],
        in: folder)
      #expect(!converted.errors.contains("AD-HEAD"))
      let exported = Paths.join(folder, "peft")
      _ = try run(
        ["export", artifact, "--base", Self.model, "--to", "peft", "-o", exported], in: folder)
      let name = "base_model.model.score.weight"
      let files = try [adapter, exported].map {
        try SafeTensorsFile.open(Paths.join($0, "adapter_model.safetensors"))
      }
      let values = try files.map { try $0.floats(of: $0.tensor(name)) }
      #expect(values[0] == values[1] && values[0].contains { $0 != 0 })
      let text = try String(
        contentsOfFile: Paths.join(exported, "adapter_config.json"), encoding: .utf8)
      #expect(text.contains("SEQ_CLS"))
      _ = try run(
        [
          "export", artifact, "--base", Self.model, "--to", "merged", "-o", Paths.join(folder, "m"),
        ],
        in: folder)
      let merged = try BaseCheckpoint.open(Paths.join(folder, "m"))
      #expect(merged.configuration.classHead?.count == values[0].count / 32)
      #expect(try merged.checkpoint.floats("score.weight") == values[0])
      for (target, output) in [("mlx", "x"), ("gguf-lora", "l.gguf")] {
        let refused = try Tool.run(
          [
            "export", artifact, "--base", Self.model, "--to", target, "-o",
            Paths.join(folder, output),
          ], cache: folder)
        #expect(refused.status == 69 && refused.errors.contains("--to peft"), "\(refused.errors)")
        #expect(!refused.errors.contains("peft, merged"))
      }
    }
  }

  /// An update of zero has no energy to capture: null, not 1; other base weights beside an update are refused.
  @Test func undefinedEnergiesAndOtherBases() throws {
    let source = Checkout.path("golden/adapters_loaded/state-dictionary")
    let file = try SafeTensorsFile.open(Paths.join(source, "adapter_model.safetensors"))
    func write(_ folder: String, _ change: (String, inout [Float]) -> Void) throws {
      try Paths.makeDirectory(folder)
      try FileManager.default.copyItem(
        atPath: Paths.join(source, "adapter_config.json"),
        toPath: Paths.join(folder, "adapter_config.json"))
      var writer = SafeTensorsWriter()
      for tensor in file.tensors {
        var values = try file.floats(of: tensor)
        change(tensor.name, &values)
        try writer.add(tensor.name, dtype: .f32, shape: tensor.shape, floats: values)
      }
      try writer.write(to: Paths.join(folder, "adapter_model.safetensors"))
    }
    try withTemporaryDirectory { folder in
      let dead = Paths.join(folder, "dead")
      try write(dead) { name, values in
        if name.contains("lora_B") { values = values.map { _ in 0 } }
      }
      let arguments = ["convert", "--base", Self.model, "--rank", "4", "--json"]
      let zero = try run(
        arguments + ["--adapter", dead, "-o", Paths.join(folder, "a.loraxs")], in: folder)
      let record = try JSONValue.parse(Array(zero.output.utf8))
      let modules = record["modules"]?.arrayValue ?? []
      #expect(modules.count == 4 && modules.allSatisfy { $0["captured_energy"]?.isNull == true })
      let warnings = (record["warnings"]?.arrayValue ?? []).compactMap(\.stringValue)
      #expect(warnings.count { $0.contains("AD-ZERO") } == 1)
      let other = Paths.join(folder, "other")
      try write(other) { name, values in
        if name.contains("up_proj.base_layer") { values[3] += 1 }
      }
      let refused = try Tool.run(
        arguments + ["--adapter", other, "-o", Paths.join(folder, "b.loraxs")], cache: folder)
      #expect(refused.status == 65 && refused.errors.contains("1 of its 1536 values differ"))
    }
  }

  /// The authors' LoRA-XS and a kohya LoRA in their own directions: whole, whatever the base's are.
  @Test(arguments: ["lora-xs", "kohya-lora"]) func ownDirectionsLoseNothing(name: String) throws {
    try withTemporaryDirectory { folder in
      let artifact = Paths.join(folder, "a.loraxs")
      let adapter = Checkout.path("golden/adapters_dialects/\(name)")
      _ = try run(
        [
          "convert", "--base", Self.model, "--adapter", adapter, "--directions", "own", "--store",
          "f32", "-o",
          artifact,
        ], in: folder)
      _ = try run(
        [
          "export", artifact, "--base", Self.model, "--to", "merged", "-o", Paths.join(folder, "m"),
        ],
        in: folder)
      let merged = try SafeTensorsFile.open(Paths.join(folder, "m/model.safetensors"))
      let base = try SafeTensorsFile.open(Paths.join(Self.model, "model.safetensors"))
      let answers = try SafeTensorsFile.open(
        Checkout.path("golden/adapters_dialects/expected.safetensors"))
      for tensor in answers.tensors where tensor.name.hasPrefix(name + "/") {
        let weight = String(tensor.name.dropFirst(name.count + 1)) + ".weight"
        let wanted = zip(
          try base.floats(of: base.tensor(weight)), try answers.floats(of: tensor)
        ).map { Double($0) + Double($1) }
        let error = relativeError(try merged.floats(of: merged.tensor(weight)), wanted)
        #expect(error < 1e-5, "\(weight): \(error)")
      }
      let refused = try Tool.run(
        [
          "export", artifact, "--base", Self.model, "--to", "lora-xs", "-o",
          Paths.join(folder, "x"),
        ],
        cache: folder)
      #expect(refused.status == 69)
    }
  }

  @Test func magnitudesBecomePartOfTheUpdate() throws {
    try withTemporaryDirectory { folder in
      let merged = try merged(Paths.join(Self.root, "dora"), in: folder, [])
      try compare(merged, "dora")
      let outcome = try run(
        ["inspect", Paths.join(folder, "a.loraxs"), "--json"], in: folder)
      #expect(!outcome.output.contains("carried"))
    }
  }

  @Test func carriedParametersAreListedAndQuantised() throws {
    try withTemporaryDirectory { folder in
      func artifact(_ extra: [String]) throws -> (path: String, bytes: Int) {
        let path = Paths.join(folder, "a\(extra.count).loraxs")
        _ = try run(
          [
            "convert", "--base", Self.model, "--adapter", Paths.join(Self.root, "saved"), "--rank",
            "4", "-o", path,
          ]
            + extra, in: folder)
        return (path, try InputFile(path).byteCount)
      }
      let (exact, small) = (try artifact([]), try artifact(["--carry-store", "int8"]))
      #expect(small.bytes < exact.bytes)
      let outcome = try run(["inspect", exact.path], in: folder)
      #expect(outcome.output.contains("lm_head.weight"))
      for target in ["gguf-lora", "mlx", "kohya", "lora-xs"] {
        let refused = try Tool.run(
          [
            "export", exact.path, "--base", Self.model, "--to", target, "-o",
            Paths.join(folder, target),
          ],
          cache: folder)
        #expect(refused.status == 69)
        #expect(refused.errors.contains("AD-EXPORT") && refused.errors.contains("peft"))
      }
    }
  }
}
