import Adapters
import Artifacts
import Bases
import Checkpoints
public import Faults
import Files
import JSON
import LinearAlgebra
import Progress
public import Tensors
import Training

/// Writes an artifact in a form other tools read.
public struct Exporter {
  /// What is written.
  public enum Target: String, Sendable, CaseIterable {
    /// A plain PEFT LoRA of the same rank: `A = Vᵀ`, `B = U·M`, scaling 1. Exact.
    case peft
    /// The base with the update added, as safetensors, `W + U·M·Vᵀ`, with the tokenizer files of a
    /// Hugging Face base.
    case merged
  }

  private let session: BaseSession

  /// An exporter on an open base.
  public init(session: BaseSession) {
    self.session = session
  }

  /// Exports the artifact at `path` into `directory`, every float in `dtype`.
  public func export(
    _ path: String, to target: Target, directory: String, dtype: DType
  ) throws(Fault) {
    let loaded = try ArtifactLoader(session: session).load(path)
    switch target {
    case .peft:
      try PEFTWriter.write(
        loaded.updates, to: directory, baseModelName: loaded.artifact.metadata.base.name,
        dtype: dtype)
    case .merged:
      try writeMerged(loaded, to: directory, dtype: dtype)
    }
  }

  /// Streams every tensor of the base, one at a time, adding updates on the way.
  private func writeMerged(
    _ loaded: LoadedArtifact, to directory: String, dtype: DType
  ) throws(Fault) {
    var updates: [String: LowRankUpdate] = [:]
    for (module, update) in zip(loaded.modules, loaded.updates) {
      updates[module.weightName] = update
    }
    var writer = SafeTensorsWriter()
    let base = session.base
    let task = session.log.task("merge", total: base.tensors.count, unit: "tensors")
    for tensor in base.tensors {
      guard let name = base.checkpoint.huggingFaceName(tensor.name) else { continue }
      let update = updates[name]
      try writer.add(
        name, dtype: dtype, shape: tensor.shape,
        floats: { () throws(Fault) in
          task.advance()
          var values = try base.checkpoint.floats(name)
          if let update { Exporter.add(update, to: &values) }
          return values
        })
    }
    try Paths.makeDirectory(directory)
    try copyCompanions(to: directory)
    _ = try writer.write(to: Paths.join(directory, "model.safetensors"))
    try AtomicFile.write(
      Paths.join(directory, "config.json"),
      text: base.configuration.huggingFaceJSON(dtype: dtype).text(pretty: true))
    task.finish()
  }

  /// What a base needs beside weights and configuration, by its names in a Hugging Face folder.
  private static let companionNames = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
  ]
  private static let companionLimit = 256 << 20

  /// Copies the tokenizer of a Hugging Face base, so that the merged model can be a base itself.
  private func copyCompanions(to directory: String) throws(Fault) {
    let base = session.base
    guard base.format != .gguf else {
      session.log.warn("no tokenizer is written: that of a GGUF base is not converted")
      return
    }
    let source = base.format == .huggingFace ? base.path : Paths.parent(of: base.path)
    for name in Exporter.companionNames {
      let path = Paths.join(source, name)
      guard Paths.kind(of: path) == .file else {
        if name == "tokenizer.json" {
          session.log.warn("no tokenizer is written: the base has no tokenizer.json")
        }
        continue
      }
      let file = try InputFile(path)
      let bytes = try file.readAll(limit: Exporter.companionLimit)
      try file.checkUnchanged()
      try AtomicFile.write(Paths.join(directory, name), bytes: bytes)
    }
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

extension LoadedArtifact {
  /// Each module's update as a pair: `A = Vᵀ` `[inputRank, in]`, `B = U·M` `[out, inputRank]`, scaling 1.
  var updates: [LowRankUpdate] {
    modules.indices.map { index in
      let up: Matrix<Double> = bases[index].outputBasis.converted()
      return LowRankUpdate(
        moduleName: modules[index].name, loraA: bases[index].inputBasis.transposed,
        loraB: up.times(latents[index].converted()).converted(), scaling: 1)
    }
  }
}
