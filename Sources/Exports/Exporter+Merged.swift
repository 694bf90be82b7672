import Adapters
import Checkpoints
import Faults
import Files
import JSON
import LinearAlgebra
import Pipeline
import Progress
import Sessions
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
    // First of all: a base that is refused for them must not cost the merging.
    let companions = try ModelCompanions(of: base)
    let configuration = changed.configuration
    for (name, shape) in Exporter.tensors(of: base, configuration) {
      let update = updates[name]
      let isTransposed = configuration.isTransposed(name)
      try files.add(name, dtype: dtype, shape: isTransposed ? shape.reversed() : shape) {
        () throws(Fault) in
        task.advance()
        var values = try changed.floats(name)
        if let update { Exporter.add(update, to: &values) }
        return isTransposed
          ? Matrix(rows: shape[0], columns: shape[1], elements: values).transposed.elements : values
      }
    }
    for module in configuration.absentBiases {
      let count = module.outFeatures
      try files.add(module.biasName, dtype: dtype, shape: [count]) { () throws(Fault) in
        [Float](repeating: 0, count: count)
      }
    }
    // Before anything is written: the base may be beyond what it can say.
    let json = try base.huggingFaceJSON(configuration, dtype: dtype)
    var written = try companions.write(to: directory)
    written += try files.write(to: directory)
    let path = Paths.join(directory, "config.json")
    try AtomicFile.write(
      path, text: json.text(pretty: true))
    task.finish()
    session.log.warn(companions.warnings)
    return written + [path]
  }

  /// What a model of this shape has, in the base's order: no scales of its quantised weights, nothing derived, and
  /// a head only where it is not the embeddings.
  private static func tensors(
    of base: BaseCheckpoint, _ configuration: DecoderConfiguration
  ) -> [(name: String, shape: [Int])] {
    var left = configuration.parameters
    if configuration.hasTiedEmbeddings { left.removeAll { $0.name == configuration.headName } }
    var places: [String: Int] = [:]
    for (place, tensor) in base.tensors.enumerated() {
      if let name = base.checkpoint.huggingFaceName(tensor.name) { places[name] = place }
    }
    // A head that is no longer the embeddings comes last.
    let order = left.enumerated().map { (places[$1.name] ?? places.count, $0) }
    return zip(order, left).sorted { $0.0 < $1.0 }.map(\.1)
  }

  /// Copies the GGUF base with the changed weights in the asked type (`formats/gguf.md` §11).
  func writeMergedGGUF(_ loaded: LoadedArtifact, to file: String) throws(Fault) {
    let copy = try GGUFCopy(of: session.base.checkpoint)
    if let part = loaded.parts.first(where: isNew) {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "a head that the base's file lacks has no place in a copy of it; it is written by --to merged or peft",
        tensor: part.parameter)
    }
    let updates = loaded.updatesByWeight
    let changed = ChangedParameters(
      base: session.base, changes: loaded.parts, threads: session.threads)
    var names = Set(updates.keys).union(loaded.parts.map(\.parameter))
    var head = GGUFCopy.NewHead.none
    if session.base.checkpoint.tensor(session.base.configuration.headName) == nil {
      let isChanged = names.remove(session.base.configuration.headName) != nil
      if changed.untiesHead { head = isChanged ? .values : .embeddings }
    }
    let task = session.log.task("merge", total: copy.tensorCount, unit: "tensors")
    try copy.write(
      to: file, replacing: names, head: head, type: options.type.ggufType,
      progress: { task.advance() },
      values: { (name) throws(Fault) in
        var values = try changed.floats(name)
        if let update = updates[name] { Exporter.add(update, to: &values) }
        return values
      })
    task.finish()
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
