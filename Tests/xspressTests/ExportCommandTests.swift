import Adapters
import Checkpoints
import Files
import JSON
import Tensors
import TestSupport
import Testing

/// `xspress export` of one artifact to every target: each must give the update that the PEFT export has.
@Suite struct ExportCommandTests {
  private static let model = Checkout.path("golden/tiny/model")
  private static let gguf = Checkout.path("golden/gguf/tiny/model.gguf")
  private static let adapter = Checkout.path("golden/tiny/adapter")

  private func convert(in folder: String, _ extra: [String]) throws -> String {
    let artifact = Paths.join(folder, "tiny.loraxs")
    let arguments = ["convert", "--base", Self.model, "--adapter", Self.adapter, "-o", artifact]
    let outcome = try Tool.run(arguments + extra, cache: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return artifact
  }

  /// Exports to `to` and gives the document.
  private func export(
    _ artifact: String, in folder: String, base: String = Self.model, to target: String,
    output: String? = nil, _ extra: [String] = []
  ) throws -> JSONValue {
    let output = output ?? Paths.join(folder, target)
    let outcome = try Tool.run(
      ["export", artifact, "--base", base, "--to", target, "-o", output, "--json"] + extra,
      cache: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let document = try JSONValue.parse(outcome.output)
    #expect(document["to"]?.stringValue == target)
    for file in try files(document) { #expect(Paths.kind(of: file) == .file, "\(file)") }
    return document
  }

  private func files(_ document: JSONValue) throws -> [String] {
    try #require(document["files"]?.arrayValue).compactMap(\.stringValue)
  }

  /// The updates of the PEFT export, by module.
  private func reference(_ artifact: String, in folder: String) throws -> [String: [Double]] {
    _ = try export(artifact, in: folder, to: "peft")
    let file = try SafeTensorsFile.open(Paths.join(folder, "peft/adapter_model.safetensors"))
    var result: [String: [Double]] = [:]
    let (prefix, suffix) = ("base_model.model.", ".lora_A.weight")
    for tensor in file.tensors where tensor.name.hasSuffix(suffix) {
      let name = String(tensor.name.dropFirst(prefix.count).dropLast(suffix.count))
      result[name] = product(
        try matrix(file, "\(prefix)\(name).lora_B.weight"), try matrix(file, tensor.name))
    }
    #expect(!result.isEmpty)
    return result
  }

  private func matrix(_ file: SafeTensorsFile, _ name: String) throws -> Matrix<Float> {
    try file.matrix(of: file.tensor(name))
  }

  private func product(_ left: Matrix<Float>, _ right: Matrix<Float>) -> [Double] {
    var result = [Double](repeating: 0, count: left.rows * right.columns)
    for row in 0..<left.rows {
      for inner in 0..<left.columns {
        for column in 0..<right.columns {
          result[row * right.columns + column] +=
            Double(left[row, inner]) * Double(right[inner, column])
        }
      }
    }
    return result
  }

  /// Rows that GGUF keeps as [heads, half, 2], as [heads, 2, half].
  private func restored(_ values: [Double], rows: Int, heads: Int) -> [Double] {
    let (columns, half) = (values.count / rows, rows / heads / 2)
    var result: [Double] = []
    for head in 0..<heads {
      for side in 0..<2 {
        for pair in 0..<half {
          let row = (head * half + pair) * 2 + side
          result += values[row * columns..<(row + 1) * columns]
        }
      }
    }
    return result
  }

  /// A residual of as many pairs as the LoRA has is the LoRA but for rounding; LoRA-XS itself has no place for it.
  @Test func aResidualIsExportedWhole() throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, ["--rank", "0", "--residual", "16"])
      let updates = try reference(artifact, in: folder)
      let lora = try Adapter.open(Self.adapter)
      var (error, total) = (0.0, 0.0)
      for update in lora.updates {
        let expected = product(update.loraB, update.loraA).map { $0 * update.scaling }
        for (found, value) in zip(try #require(updates[update.moduleName]), expected) {
          error += (found - value) * (found - value)
          total += value * value
        }
      }
      #expect(error < 0.02 * total && error > 0)
      let refused = try Tool.run(
        [
          "export", artifact, "--base", Self.model, "--to", "lora-xs", "-o",
          Paths.join(folder, "xs"),
        ], cache: folder)
      #expect(refused.status == 69 && refused.errors.contains("AD-EXPORT"))
    }
  }

  // MARK: - Adapters

  @Test(arguments: [
    ["--rank", "5x3", "--store", "f32"], ["--rank", "5x3", "--residual", "2"],
    ["--rank", "0", "--residual", "1", "--residual-store", "int2", "--embed-bases"],
  ])
  func adaptersOfOtherProgramsHoldTheUpdate(options: [String]) throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, options)
      let updates = try reference(artifact, in: folder)

      _ = try export(artifact, in: folder, to: "mlx")
      let mlx = try SafeTensorsFile.open(Paths.join(folder, "mlx/adapters.safetensors"))
      let kohyaFiles = try files(try export(artifact, in: folder, to: "kohya"))
      #expect(kohyaFiles == [Paths.join(folder, "kohya/tiny.safetensors")])
      let kohya = try SafeTensorsFile.open(kohyaFiles[0])
      let ggufPath = Paths.join(folder, "tiny.gguf")
      let written = try export(artifact, in: folder, to: "gguf-lora", output: ggufPath)
      #expect(try files(written) == [ggufPath] && written["directory"]?.stringValue == folder)
      let gguf = try Checkpoint.open(ggufPath)
      let alpha = try #require(gguf.metadata["adapter.lora.alpha"]?.doubleValue)
      #expect(gguf.tensors.count == 2 * updates.count)
      let base = try BaseCheckpoint.open(Self.model)
      for module in base.linearModules {
        guard let update = updates[module.name] else { continue }
        let down = try matrix(mlx, "\(module.name).lora_a")
        let up = try matrix(mlx, "\(module.name).lora_b")
        #expect(relativeError(product(up.transposed, down.transposed), update) == 0)
        let name = "lora_te_" + module.name.replacing(".", with: "_")
        let pair = product(
          try matrix(kohya, "\(name).lora_up.weight"),
          try matrix(kohya, "\(name).lora_down.weight"))
        #expect(relativeError(pair, update) == 0)
        let weight = try #require(module.ggufWeightName)
        let rank = try #require(gguf.tensor("\(weight).lora_a")?.shape.first)
        var found = product(
          Matrix(
            rows: module.outFeatures, columns: rank, elements: try gguf.floats("\(weight).lora_b")),
          Matrix(
            rows: rank, columns: module.inFeatures, elements: try gguf.floats("\(weight).lora_a")))
        if module.kind == .query { found = restored(found, rows: module.outFeatures, heads: 4) }
        if module.kind == .key { found = restored(found, rows: module.outFeatures, heads: 2) }
        let scale = alpha / Double(rank)
        #expect(relativeError(found.map { $0 * scale }, update) == 0)
      }
    }
  }

  @Test(arguments: [["--rank", "5x3"], ["--rank", "4", "--directions", "top"]])
  func loraXSHoldsTheUpdateAndTheBase(rank: [String]) throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, rank + ["--store", "f32"])
      let updates = try reference(artifact, in: folder)
      _ = try export(artifact, in: folder, to: "lora-xs")
      let file = try SafeTensorsFile.open(
        Paths.join(folder, "lora-xs/ft/adapter_model.safetensors"))
      #expect(file.tensors.count == 3 * updates.count)
      let base = try BaseCheckpoint.open(Self.model)
      for module in base.linearModules {
        guard let update = updates[module.name] else { continue }
        let name = "base_model.model.\(module.name)"
        let a = try matrix(file, "\(name).lora_A.weight")
        let b = try matrix(file, "\(name).lora_B.weight")
        let r = try matrix(file, "\(name)_lora_latent_mapping.weight")
        #expect(r.rows == r.columns && r.rows == a.rows && r.rows == b.columns)
        let right = Matrix(
          rows: r.rows, columns: a.columns, elements: product(r, a).map { Float($0) })
        #expect(relativeError(product(b, right), update) < 2e-6, "\(module.name)")
        // The tie of such checkpoints to their base: A = Bᵀ·W.
        let weight = try base.matrix(module.weightName)
        let tie = product(b.transposed, weight)
        #expect(relativeError(a.elements, tie) < 2e-6, "\(module.name)")
      }
    }
  }

  // MARK: - Merged models

  @Test func mergedModelsAgree() throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, ["--rank", "5x3"])
      let updates = try reference(artifact, in: folder)
      _ = try export(artifact, in: folder, to: "merged")
      _ = try export(
        artifact, in: folder, to: "merged", output: Paths.join(folder, "sharded"),
        ["--shard-size", "20KB"])
      #expect(
        try Paths.entries(of: Paths.join(folder, "sharded"))
          .contains("model.safetensors.index.json"))
      let ggufPath = Paths.join(folder, "merged.gguf")
      _ = try export(
        artifact, in: folder, base: Self.gguf, to: "merged-gguf", output: ggufPath,
        ["--dtype", "f32"])
      let base = try BaseCheckpoint.open(Self.model)
      let merged = try BaseCheckpoint.open(Paths.join(folder, "merged"))
      let sharded = try BaseCheckpoint.open(Paths.join(folder, "sharded"))
      let (before, gguf) = (try BaseCheckpoint.open(Self.gguf), try BaseCheckpoint.open(ggufPath))
      for tensor in base.tensors {
        let values = try merged.checkpoint.floats(tensor.name)
        #expect(try sharded.digest(tensor.name) == merged.digest(tensor.name))
        let module = base.linearModules.first { $0.weightName == tensor.name }
        guard let module, let update = updates[module.name] else {
          #expect(try values == base.checkpoint.floats(tensor.name))
          #expect(try gguf.digest(tensor.name) == before.digest(tensor.name))
          continue
        }
        let wanted = zip(try base.checkpoint.floats(tensor.name), update).map { Double($0) + $1 }
        #expect(relativeError(values, wanted) < 1e-6)
        #expect(try gguf.digest(tensor.name) == merged.digest(tensor.name))
      }
      #expect(gguf.checkpoint.tensor("token_embd.weight")?.dtypeName == "Q8_0")
    }
  }

  @Test func theTypeIsF16UnlessSaid() throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, ["--rank", "3"])
      let written = try export(artifact, in: folder, base: Self.gguf, to: "merged-gguf")
      let merged = try Checkpoint.open(Paths.join(folder, "merged-gguf/tiny.gguf"))
      #expect(try files(written) == [merged.path])
      #expect(merged.tensor("blk.0.attn_q.weight")?.dtypeName == "F16")
    }
  }

  // MARK: - Refusals

  @Test func usage() throws {
    try withTemporaryDirectory { (folder) throws in
      let artifact = try convert(in: folder, ["--rank", "3"])
      let output = Paths.join(folder, "out")
      for (arguments, status, word) in [
        (["--base", Self.model, "--to", "merged-gguf"], Int32(69), "GG-COPY"),
        (["--base", Self.model, "--to", "peft", "--dtype", "q8_0"], 64, "USAGE"),
        (["--base", Self.model, "--to", "mlx", "--shard-size", "5GB"], 64, "USAGE"),
        (["--base", Self.model, "--to", "merged", "--shard-size", "none"], 64, "SIZE"),
        (["--to", "peft"], 64, "USAGE"),
        (["--base", Self.model, "--to", "onnx"], 64, "USAGE"),
      ] {
        let outcome = try Tool.run(
          ["export", artifact, "-o", output] + arguments, cache: folder)
        #expect(outcome.status == status && outcome.errors.contains(word), "\(outcome.errors)")
        #expect(outcome.errorLines.count == 1 && outcome.output.isEmpty)
      }
      // The one file of a target is never an input, and its folder must be there.
      let copy = Paths.join(folder, "base.gguf")
      try AtomicFile.write(copy, bytes: InputFile(Self.gguf).readAll(limit: 1 << 20))
      for (output, word) in [(copy, "OUT-IN"), (Paths.join(folder, "no/x.gguf"), "OUT-CREATE")] {
        let outcome = try Tool.run(
          ["export", artifact, "--base", copy, "--to", "merged-gguf", "-o", output], cache: folder)
        #expect(outcome.errors.contains(word), "\(outcome.errors)")
      }
    }
  }

  // MARK: - Runs

  @Test func aRunIsExportedWhole() throws {
    try withTemporaryDirectory { (folder) throws in
      let manifest = Paths.join(folder, "m.yaml")
      try AtomicFile.write(
        manifest,
        text: """
          schema: xspress.manifest/1
          bases:
            tiny: {path: \(Self.model)}
          defaults: {rank: 4}
          adapters:
            - {path: \(Self.adapter), name: one}
            - {path: \(Checkout.path("golden/tiny/adapter-patterns")), name: two}
            - {path: \(Self.adapter), name: three, rank: 2}

          """)
      let run = Paths.join(folder, "run")
      #expect(try Tool.run(["batch", manifest, "-o", run], cache: folder).status == 0)

      func export(_ output: String, _ extra: [String] = []) throws -> Tool.Outcome {
        try Tool.run(
          ["export", run, "--to", "gguf-lora", "-o", Paths.join(folder, output), "--json"] + extra,
          cache: folder)
      }
      let outcome = try export("all")
      #expect(outcome.status == 0, "\(outcome.errors)")
      let document = try JSONValue.parse(outcome.output)
      #expect(document["schema"]?.stringValue == "xspress.exports/1")
      #expect(document["listed"] == 3 && document["done"] == 3 && document["failed"] == 0)
      for name in ["one", "two", "three"] {
        #expect(try Paths.entries(of: Paths.join(folder, "all/\(name)")) == ["\(name).gguf"])
      }

      // A damaged artifact and a missing one of a job that is done fail alone; the exit code is theirs.
      try AtomicFile.write(Paths.join(run, "jobs/two/two.loraxs"), text: "no artifact")
      Paths.removeIfPresent(Paths.join(run, "jobs/one/one.loraxs"))
      let partly = try export("partly", ["--base", Self.model])
      #expect(partly.status == 65 && partly.faultLines.count == 1, "\(partly.errors)")
      let listing = try JSONValue.parse(partly.output)
      #expect(listing["listed"] == 3 && listing["done"] == 1 && listing["failed"] == 2)
      let states = (listing["exports"]?.arrayValue ?? []).map { $0["state"]?.stringValue }
      #expect(states == ["failed", "done", "failed"])
      #expect(Paths.kind(of: Paths.join(folder, "partly/three/three.gguf")) == .file)

      #expect(try export("all").status == 73)
      let empty = try Tool.run(
        ["export", folder, "--to", "peft", "-o", Paths.join(folder, "x")], cache: folder)
      #expect(empty.status == 66 && empty.errors.contains("RUN-EMPTY"))
    }
  }
}
