import Adapters
import Artifacts
import Bases
import Checkpoints
import Compression
import Evaluation
import Faults
import Files
import JSON
import Recipes
import Reports
import Signatures
import Tokenizers
import Training

/// A reader of files that others wrote.
enum FuzzTarget: String, CaseIterable {
  case safetensors, gguf, json, manifest, data, tokenizer, pickle, artifact, payload, pack,
    checkpoint
  case adapter, adapterConfiguration = "adapter-config", modelConfiguration = "model-config"
  /// An adapter of any dialect: its configuration, a NUL, its weights.
  case dialect
  /// Rows of published data sets: which form, then the file.
  case published
  case record, key

  /// Bytes of the memory budget that the readers get.
  private static let memory = 1 << 28

  func run(_ bytes: [UInt8]) {
    do throws(Fault) {
      try read(bytes)
    } catch {
      // A refusal: it must be sayable, in one line.
      precondition(!"\(error)".utf8.contains(UInt8(ascii: "\n")), "more than one line")
      precondition(
        [64, 65, 66, 69, 71, 75].contains(error.exitCode), "exit code \(error.exitCode)")
    }
  }

  private func read(_ bytes: [UInt8]) throws(Fault) {
    switch self {
    case .safetensors:
      let file = try SafeTensorsFile(bytes: bytes)
      for tensor in file.tensors { _ = try? file.floats(of: tensor) }
    case .gguf: try checkpoint(try Scratch.file("a.gguf", bytes))
    case .json: _ = try JSONValue.parse(bytes)
    case .manifest: _ = try Manifest.read(try Scratch.file("a.yaml", bytes))
    case .data:
      let path = try Scratch.file("a.jsonl", bytes)
      _ = try? DataSet(path: path)
      _ = try Opening.read(path)
    case .tokenizer:
      let tokenizer = try Tokenizer(tokenizerJSON: try Scratch.file("tokenizer.json", bytes))
      let ids = tokenizer.encode(" Caf\u{e9}\u{0} 12345 \u{1F600}\n<s>")
      _ = tokenizer.decode(ids)
    case .pickle:
      _ = try Adapter.open(try Scratch.file("adapter_model.bin", bytes), memory: Self.memory)
    case .artifact: _ = try Artifact(bytes: bytes, memory: Self.memory)
    case .payload: _ = try Artifact(bytes: try Zstd.compress(bytes), memory: Self.memory)
    case .pack: _ = try BasisPack.open(try Scratch.file("a.xsbases", bytes))
    case .checkpoint:
      let path = try Scratch.file("a.tuning", bytes)
      _ = TuningCheckpoint(path: path, planDigest: "plan").load(matching: TuningState([]))
    case .adapter:
      try Scratch.place(
        "adapter/adapter_config.json", of: "golden/tiny/adapter/adapter_config.json")
      _ = try Scratch.file("adapter/adapter_model.safetensors", bytes)
      _ = try Adapter.open(Scratch.path("adapter"), memory: Self.memory)
    case .adapterConfiguration:
      try Scratch.place(
        "config/adapter_model.safetensors", of: "golden/tiny/adapter/adapter_model.safetensors")
      _ = try Scratch.file("config/adapter_config.json", bytes)
      _ = try Adapter.open(Scratch.path("config"), memory: Self.memory)
    case .modelConfiguration:
      let companion = companion(of: bytes)
      let folder = Paths.name(of: companion)
      try Scratch.place("\(folder)/model.safetensors", of: "\(companion)/model.safetensors")
      _ = try Scratch.file("\(folder)/config.json", bytes)
      _ = try BaseCheckpoint.open(Scratch.path(folder))
    case .dialect: try dialect(bytes)
    case .published:
      guard let first = bytes.first else { return }
      let forms = PublishedForm.allCases
      let path = try Scratch.file("a.json", Array(bytes.dropFirst()))
      let place = Int(first) % (forms.count + 1)
      let template = try RowTemplate(
        prompt: "{{a}}{{#b}}{{c.d}}{{.}}{{/b}}{{^e}}{{f}}{{/e}}", choices: ["{{a}}", " {{a}}!"],
        answer: "g")
      _ = try PublishedRows.lines(
        of: path, as: place < forms.count ? forms[place].line : template.line)
    case .record: _ = try JobRecord.read(try Scratch.file("record.json", bytes))
    case .key:
      let path = try Scratch.file("key.pem", bytes)
      _ = try? SigningKey(path)
      _ = try VerifyingKey(path)
    }
  }

  /// The checkpoint whose weights go with a configuration, by a word in it.
  private func companion(of bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    let folders = [("oberta", "roberta-score"), ("ert", "bert"), ("wen2", "qwen2-score")]
    let folder = folders.first { text.contains($0.0) }?.1
    return folder.map { "golden/models/\($0)" } ?? "golden/tiny/model"
  }

  /// Without a NUL in it the input is weights alone, as kohya and diffusers have them.
  private func dialect(_ bytes: [UInt8]) throws(Fault) {
    let end = bytes.firstIndex(of: 0)
    let configuration = end.map { Array(bytes[..<$0]) } ?? []
    let weights = end.map { Array(bytes[($0 + 1)...]) } ?? bytes
    guard !configuration.isEmpty else {
      _ = try Adapter.open(try Scratch.file("alone.safetensors", weights), memory: Self.memory)
      return
    }
    _ = try Scratch.file("dialect/adapter_config.json", configuration)
    _ = try Scratch.file("dialect/adapter_model.safetensors", weights)
    _ = try Adapter.open(Scratch.path("dialect"), memory: Self.memory)
  }

  /// Opens a checkpoint of any family and decodes what it says it holds.
  private func checkpoint(_ path: String) throws(Fault) {
    let checkpoint = try Checkpoint.open(path)
    for tensor in checkpoint.tensors { _ = try? checkpoint.floats(tensor.name) }
    let base = try BaseCheckpoint.open(path)
    _ = try Tokenizer(base: base)
  }
}
