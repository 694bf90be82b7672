import Adapters
import Checkpoints
import Files
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Everything that is exported is read back by this program, on bases of every form, and is the same change.
@Suite struct ExportReadBackTests {
  private static let adapter = Checkout.path("golden/tiny/adapter")
  private static let variants = Checkout.path("golden/adapters_variants")

  // MARK: - Running the tool

  private func convert(
    _ adapter: String, base: String, in folder: String, name: String = "a"
  ) throws -> String {
    let artifact = Paths.join(folder, "\(name).loraxs")
    let outcome = try Tool.run(
      [
        "convert", "--base", base, "--adapter", adapter, "--directions", "own", "--store", "f32",
        "-o", artifact,
      ], cache: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    return artifact
  }

  /// Exports; the folder or file, and what is said on stderr.
  private func export(
    _ artifact: String, base: String, to target: String, in folder: String, _ extra: [String] = []
  ) throws -> (path: String, errors: String) {
    let files = ["gguf-lora": ".gguf", "merged-gguf": ".gguf", "kohya": ".safetensors"]
    let stem = "out-\(UUID().uuidString)"
    let output = Paths.join(folder, stem + (files[target] ?? ""))
    let outcome = try Tool.run(
      ["export", artifact, "--base", base, "--to", target, "-o", output, "--log", "plain"] + extra,
      cache: folder)
    #expect(outcome.status == 0, "\(target): \(outcome.errors)")
    return (output, outcome.errors)
  }

  // MARK: - Comparing

  /// Every parameter that an adapter changes on `base`, with its new values.
  private func changed(_ adapter: String, on base: BaseCheckpoint) throws -> [String: [Float]] {
    let matched = try Adapter.open(adapter).matched(to: base.configuration)
    var result: [String: [Float]] = [:]
    func source(_ name: String) -> String {
      base.configuration.hasTiedEmbeddings && name == "lm_head.weight"
        ? "model.embed_tokens.weight" : name
    }
    for part in matched.parts {
      var values = try result[part.parameter] ?? base.checkpoint.floats(source(part.parameter))
      part.apply(to: &values)
      result[part.parameter] = values
    }
    for update in matched.updates {
      let name = update.moduleName + ".weight"
      var values = try result[name] ?? base.checkpoint.floats(name)
      AdapterPart(
        module: update.moduleName, leaf: "weight",
        shape: [update.outFeatures, update.inFeatures], change: .product(update)
      ).apply(to: &values)
      result[name] = values
    }
    return result
  }

  private func expectSame(_ found: [String: [Float]], _ wanted: [String: [Float]], _ what: String) {
    #expect(Set(found.keys) == Set(wanted.keys), "\(what)")
    for (name, values) in wanted {
      guard let other = found[name] else { continue }
      #expect(relativeError(other, values) < 2e-6, "\(what) \(name)")
    }
  }

  // MARK: - Merged

  @Test(arguments: ExportBases.allCases, ["adapter", "saved", "tokens", "embedding"])
  func mergedModels(form: ExportBases, name: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try form.write(to: folder)
      let base = try BaseCheckpoint.open(path)
      let adapter = name == "adapter" ? Self.adapter : Paths.join(Self.variants, name)
      let wanted = try changed(adapter, on: base)
      let artifact = try convert(adapter, base: path, in: folder)
      for target in ["merged"] + (form.isGGUF ? ["merged-gguf"] : []) {
        let (output, _) = try export(
          artifact, base: path, to: target, in: folder, ["--dtype", "f32"])
        let merged = try BaseCheckpoint.open(output)
        for (name, shape) in base.configuration.parameters {
          let isHead = name == "lm_head.weight"
          let source =
            isHead && merged.configuration.hasTiedEmbeddings ? "model.embed_tokens.weight" : name
          let found = try merged.checkpoint.floats(source)
          #expect(found.count == shape.reduce(1, *))
          let before =
            isHead && base.configuration.hasTiedEmbeddings ? "model.embed_tokens.weight" : name
          let expected = try wanted[name] ?? base.checkpoint.floats(before)
          #expect(relativeError(found, expected) < 2e-6, "\(target) \(name)")
        }
        // Nothing of the base's coding is left.
        #expect(!merged.tensors.contains { $0.name.contains("scale") }, "\(target)")
        if target == "merged" {
          let config = try InputFile(Paths.join(output, "config.json")).readAll(limit: 1 << 16)
          let json = try JSONValue.parse(config)
          #expect(json["quantization_config"] == nil && json["torch_dtype"] == "float32")
          // A base's own members stay.
          #expect((json["transformers_version"] != nil) != form.isGGUF)
        }
      }
    }
  }

  /// One-dimensional weights are F32 whatever is asked for: llama.cpp takes no others.
  @Test(arguments: ["f32", "f16", "bf16", "q8_0"]) func trainedNorms(type: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.gguf.write(to: folder)
      let artifact = try convert(Paths.join(Self.variants, "saved"), base: path, in: folder)
      let (output, _) = try export(
        artifact, base: path, to: "merged-gguf", in: folder, ["--dtype", type])
      let merged = try BaseCheckpoint.open(output)
      for tensor in merged.tensors where tensor.shape.count == 1 {
        #expect(tensor.dtypeName == "F32", "\(tensor.name)")
      }
      #expect(merged.checkpoint.tensor("lm_head.weight")?.dtypeName.lowercased() == type)
    }
  }

  // MARK: - Adapters

  private static let dialects = ["peft", "gguf-lora", "mlx", "kohya"]

  /// From each dialect to each other, by way of artifacts: the same update at the end.
  @Test(arguments: dialects) func roundTrips(first: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.huggingFace.write(to: folder)
      let base = try BaseCheckpoint.open(path)
      // Mixed ranks and scalings.
      let source = Checkout.path("golden/tiny/adapter-patterns")
      let wanted = try changed(source, on: base)
      let artifact = try convert(source, base: path, in: folder)
      let (one, _) = try export(artifact, base: path, to: first, in: folder)
      expectSame(try changed(one, on: base), wanted, first)
      let again = try convert(one, base: path, in: folder, name: "b")
      for second in Self.dialects {
        let (two, _) = try export(again, base: path, to: second, in: folder)
        expectSame(try changed(two, on: base), wanted, "\(first) \(second)")
      }
    }
  }

  /// Updates of embeddings, where the dialect and the base have a place for them.
  @Test(arguments: ["peft", "gguf-lora", "mlx"]) func embeddings(target: String) throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.huggingFace.write(to: folder)
      let base = try BaseCheckpoint.open(path)
      let source = Paths.join(Self.variants, "embedding")
      let wanted = try changed(source, on: base)
      #expect(wanted["model.embed_tokens.weight"] != nil)
      let artifact = try convert(source, base: path, in: folder)
      let (output, _) = try export(artifact, base: path, to: target, in: folder)
      expectSame(try changed(output, on: base), wanted, target)
    }
  }

  /// The base that the adapter itself names, not the file that lies here.
  @Test func namesOfBases() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.gguf.write(to: folder)
      let named = Checkout.path("golden/adapters_dialects/mlx")
      let artifact = try convert(named, base: path, in: folder)
      for target in ["peft", "mlx", "gguf-lora"] {
        let (output, _) = try export(artifact, base: path, to: target, in: folder)
        #expect(try Adapter.open(output).baseModelName == "tiny", "\(target)")
      }
      let nameless = try convert(
        Paths.join(Self.variants, "saved"), base: path, in: folder, name: "b")
      let (output, _) = try export(nameless, base: path, to: "peft", in: folder)
      #expect(try Adapter.open(output).baseModelName == nil)
    }
  }

  // MARK: - Companions

  private static let companions = [
    "added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt",
    "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
    "vocab.json",
  ]

  @Test func companionFilesAreCopiedAndOthersNamed() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.huggingFace.write(to: folder)
      for name in Self.companions + ["README.md", "modeling.py"] {
        try AtomicFile.write(Paths.join(path, name), text: "of \(name)")
      }
      let artifact = try convert(Self.adapter, base: path, in: folder)
      let (output, errors) = try export(artifact, base: path, to: "merged", in: folder)
      for name in Self.companions {
        let bytes = try InputFile(Paths.join(output, name)).readAll(limit: 100)
        #expect(bytes == Array("of \(name)".utf8))
      }
      #expect(Paths.kind(of: Paths.join(output, "modeling.py")) == .missing)
      #expect(errors.contains("README.md, modeling.py") && errors.contains("EXPORT-LEFT"))
    }
  }

  /// A link may lead into the blobs of a cache, and nowhere else out of the folder.
  @Test func linkedCompanions() throws {
    try withTemporaryDirectory { (folder) throws in
      let manager = FileManager.default
      let snapshot = Paths.join(folder, "hub/models--a--b/snapshots/0")
      try Paths.makeDirectory(snapshot)
      let blobs = Paths.join(folder, "hub/models--a--b/blobs")
      try Paths.makeDirectory(blobs)
      try AtomicFile.write(Paths.join(blobs, "0123"), text: "blob")
      try AtomicFile.write(Paths.join(folder, "secret"), text: "secret")
      let path = try ExportBases.huggingFace.write(to: snapshot)
      for name in try Paths.entries(of: path) {
        try manager.moveItem(atPath: Paths.join(path, name), toPath: Paths.join(snapshot, name))
      }
      try manager.removeItem(atPath: path)
      let artifact = try convert(Self.adapter, base: snapshot, in: folder)
      let link = Paths.join(snapshot, "tokenizer_config.json")
      try manager.createSymbolicLink(atPath: link, withDestinationPath: "../../blobs/0123")
      let (output, _) = try export(artifact, base: snapshot, to: "merged", in: folder)
      let bytes = try InputFile(Paths.join(output, "tokenizer_config.json")).readAll(limit: 100)
      #expect(bytes == Array("blob".utf8))
      for name in ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json"] {
        let link = Paths.join(snapshot, name)
        try? manager.removeItem(atPath: link)
        try manager.createSymbolicLink(
          atPath: link, withDestinationPath: Paths.join(folder, "secret"))
        let output = Paths.join(folder, "none")
        let outcome = try Tool.run(
          ["export", artifact, "--base", snapshot, "--to", "merged", "-o", output], cache: folder)
        #expect(outcome.status == 65 && outcome.errors.contains(": PATH"), "\(outcome.errors)")
        #expect(Paths.kind(of: Paths.join(output, "model.safetensors")) == .missing)
        try manager.removeItem(atPath: link)
      }
    }
  }

  /// The vocabulary of a GGUF base becomes the files that Transformers reads.
  @Test func aTokenizerIsWrittenFromGGUF() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.gguf.write(to: folder)
      let artifact = try convert(Self.adapter, base: path, in: folder)
      let (output, errors) = try export(artifact, base: path, to: "merged", in: folder)
      #expect(!errors.contains("EXPORT-TOKENIZER"))
      let merged = try BaseCheckpoint.open(output)
      guard case .tokenizerJSON(let file, _, let end) = try merged.tokenizerSource() else {
        Issue.record("no tokenizer.json")
        return
      }
      #expect(end == [62])
      let json = try JSONValue.parse(InputFile(file).readAll(limit: 1 << 20))
      #expect(json["model"]?["vocab"]?["AB"] == 63)
      #expect(json["added_tokens"]?.arrayValue?.count == 1)
      #expect(try merged.checkpoint.chatTemplate() == "{{ messages }}")
    }
  }

  /// What cannot be converted is said, with what to do.
  @Test func otherVocabulariesAreNamed() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "base.gguf")
      var builder = try TinyLlama.gguf()
      builder.add("tokenizer.ggml.model", string: "rwkv")
      builder.add("tokenizer.ggml.tokens", strings: (0..<64).map { "t\($0)" })
      try AtomicFile.write(path, bytes: builder.bytes())
      let artifact = try convert(Self.adapter, base: path, in: folder)
      let (output, errors) = try export(artifact, base: path, to: "merged", in: folder)
      #expect(Paths.kind(of: Paths.join(output, "tokenizer.json")) == .missing)
      #expect(errors.contains("EXPORT-TOKENIZER") && errors.contains("rwkv"), "\(errors)")
      #expect(errors.contains("Hugging Face tokenizer"))
    }
  }

  // MARK: - Heads

  /// Embeddings and head of one model in two codings: nothing tells that they are tied, so it is said.
  @Test func headsThatLookTied() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = Paths.join(folder, "base.gguf")
      func write(_ change: (inout GGUFBuilder, _ head: Int, _ embedding: Int) -> Void) throws {
        var builder = try TinyLlama.gguf()
        let head = builder.tensors.firstIndex { $0.name == Array("output.weight".utf8) }
        let embedding = builder.tensors.firstIndex { $0.name == Array("token_embd.weight".utf8) }
        change(&builder, try #require(head), try #require(embedding))
        try AtomicFile.write(path, bytes: builder.bytes())
      }
      func errors(_ name: String) throws -> String {
        let outcome = try Tool.run(
          [
            "convert", "--base", path, "--adapter", Paths.join(Self.variants, "tokens"), "--rank",
            "2", "--log", "plain", "-o", Paths.join(folder, name),
          ], cache: folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.errors
      }
      try write { builder, head, embedding in
        builder.tensors[head].data = builder.tensors[embedding].data
        builder.tensors[head].data[0] ^= 1
      }
      #expect(try errors("a.loraxs").contains("AD-TIED"))
      try write { _, _, _ in }
      #expect(try !errors("b.loraxs").contains("AD-TIED"))
    }
  }

  // MARK: - Refusals

  /// llama.cpp finds no head beside tied embeddings; the advice is one that works.
  @Test func tiedHeadsInAdapters() throws {
    try withTemporaryDirectory { (folder) throws in
      let path = try ExportBases.ggufTied.write(to: folder)
      let artifact = try convert(Paths.join(Self.variants, "embedding"), base: path, in: folder)
      let outcome = try Tool.run(
        [
          "export", artifact, "--base", path, "--to", "gguf-lora", "-o",
          Paths.join(folder, "x.gguf"),
        ], cache: folder)
      #expect(outcome.status == 69 && outcome.errors.contains("merged-gguf"), "\(outcome.errors)")
      _ = try export(artifact, base: path, to: "merged-gguf", in: folder)
    }
  }
}
