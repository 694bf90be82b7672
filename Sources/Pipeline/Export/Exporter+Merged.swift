import Adapters
import Checkpoints
import Faults
import Files
import JSON
import LinearAlgebra
import Progress
import Tensors

/// Merged models: every weight with its update added, one tensor in memory at a time.
extension Exporter {
  /// Writes `model.safetensors`, or shards with their index, and `config.json`; the files written.
  func writeMerged(
    _ loaded: LoadedArtifact, to directory: String, dtype: DType
  ) throws(Fault) -> [String] {
    let updates = loaded.updatesByWeight
    let base = session.base
    let task = session.log.task("merge", total: base.tensors.count, unit: "tensors")
    var files = ShardedWriter(shardBytes: options.shardBytes)
    let changed = ChangedParameters(
      base: base, changes: loaded.parts, threads: session.threads)
    var parameters: [(name: String, shape: [Int])] = []
    for tensor in base.tensors {
      guard let name = base.checkpoint.huggingFaceName(tensor.name) else { continue }
      if name != LlamaNames.head || !changed.untiesHead { parameters.append((name, tensor.shape)) }
    }
    if changed.untiesHead {
      let (rows, columns) = try base.matrixShape(LlamaNames.embedding)
      parameters.append((LlamaNames.head, [rows, columns]))
    }
    for (name, shape) in parameters {
      let update = updates[name]
      try files.add(name, dtype: dtype, shape: shape) { () throws(Fault) in
        task.advance()
        var values = try changed.floats(name)
        if let update { Exporter.add(update, to: &values) }
        return values
      }
    }
    for module in base.configuration.absentBiases {
      let count = module.outFeatures
      try files.add(module.biasName, dtype: dtype, shape: [count]) { () throws(Fault) in
        [Float](repeating: 0, count: count)
      }
    }
    // Before anything is written: the base may be beyond what it can say.
    let json = try changed.configuration.huggingFaceJSON(dtype: dtype)
    var written = try copyCompanions(to: directory)
    written += try files.write(to: directory)
    let configuration = Paths.join(directory, "config.json")
    try AtomicFile.write(
      configuration, text: json.text(pretty: true))
    task.finish()
    return written + [configuration]
  }

  /// Copies the GGUF base with the changed weights in the asked type (`formats/gguf.md` §11).
  func writeMergedGGUF(_ loaded: LoadedArtifact, to file: String) throws(Fault) {
    let copy = try GGUFCopy(of: session.base.checkpoint)
    let updates = loaded.updatesByWeight
    let changed = ChangedParameters(
      base: session.base, changes: loaded.parts, threads: session.threads)
    guard !changed.untiesHead else {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "head and embeddings are one tensor in this file and no longer the same; export to merged",
        path: file, tensor: LlamaNames.head)
    }
    // A tied head is no tensor of its own.
    let names = loaded.parts.map(\.parameter).filter {
      $0 != LlamaNames.head || !session.base.configuration.hasTiedEmbeddings
    }
    let task = session.log.task("merge", total: copy.tensorCount, unit: "tensors")
    try copy.write(
      to: file, replacing: Set(updates.keys).union(names), type: options.type.ggufType,
      progress: { task.advance() },
      values: { (name) throws(Fault) in
        var values = try changed.floats(name)
        if let update = updates[name] { Exporter.add(update, to: &values) }
        return values
      })
    task.finish()
  }

  /// What a base needs beside weights and configuration, by its names in a Hugging Face folder.
  private static let companionNames = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
  ]
  private static let companionLimit = 256 << 20

  /// Copies the tokenizer of a Hugging Face base, so that the merged model can be a base itself.
  private func copyCompanions(to directory: String) throws(Fault) -> [String] {
    let base = session.base
    guard base.format != .gguf else {
      session.log.warn([
        Warning(
          "EXPORT-TOKENIZER",
          "no tokenizer is written: that of a GGUF base is not converted; --to merged-gguf keeps it"
        )
      ])
      return []
    }
    let source = base.format == .huggingFace ? base.path : Paths.parent(of: base.path)
    var written: [String] = []
    for name in Exporter.companionNames {
      let path = Paths.join(source, name)
      guard Paths.kind(of: path) == .file else {
        if name == "tokenizer.json" {
          session.log.warn([
            Warning("EXPORT-TOKENIZER", "no tokenizer is written: the base has no tokenizer.json")
          ])
        }
        continue
      }
      let file = try InputFile(path)
      let bytes = try file.readAll(limit: Exporter.companionLimit)
      try file.checkUnchanged()
      try AtomicFile.write(Paths.join(directory, name), bytes: bytes)
      written.append(Paths.join(directory, name))
    }
    return written
  }

  /// `W += s·B·A`, `[outFeatures, inFeatures]`.
  private static func add(_ update: LowRankUpdate, to weight: inout [Float]) {
    let scaled = update.loraB.elements.map { Float(Double($0) * update.scaling) }
    weight.withUnsafeMutableBufferPointer { w in
      scaled.withUnsafeBufferPointer { b in
        update.loraA.elements.withUnsafeBufferPointer { a in
          guard let w = w.baseAddress, let b = b.baseAddress, let a = a.baseAddress else { return }
          BLAS.gemm(
            rows: update.outFeatures, columns: update.inFeatures, inner: update.rank, b, a,
            beta: 1, w)
        }
      }
    }
  }
}
