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
import Tokenizers
import Training

/// A reader of files that others wrote.
enum FuzzTarget: String, CaseIterable {
  case safetensors, gguf, json, manifest, data, tokenizer, pickle, artifact, payload, pack,
    checkpoint
  case adapter, adapterConfiguration = "adapter-config", modelConfiguration = "model-config"

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
      try Scratch.place("model/model.safetensors", of: "golden/tiny/model/model.safetensors")
      _ = try Scratch.file("model/config.json", bytes)
      _ = try BaseCheckpoint.open(Scratch.path("model"))
    }
  }

  /// Opens a checkpoint of any family and decodes what it says it holds.
  private func checkpoint(_ path: String) throws(Fault) {
    let checkpoint = try Checkpoint.open(path)
    for tensor in checkpoint.tensors { _ = try? checkpoint.floats(tensor.name) }
    let base = try BaseCheckpoint.open(path)
    _ = try Tokenizer(base: base)
  }
}
