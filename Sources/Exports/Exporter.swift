import Adapters
import Artifacts
import Bases
import Checkpoints
public import Faults
import Files
import LinearAlgebra
import Pipeline
import Progress
import Recipes
public import Sessions
import Tensors

/// Writes an artifact in a form other tools read.
public struct Exporter {
  let session: BaseSession
  let options: ExportOptions

  /// An exporter on an open base.
  public init(session: BaseSession, options: ExportOptions) {
    self.session = session
    self.options = options
  }

  /// Exports the artifact at `path` to `place`.
  ///
  /// - Returns: The files written.
  @discardableResult
  public func export(_ path: String, to place: ExportPlace) throws(Fault) -> [String] {
    let loaded = try ArtifactLoader(session: session).load(path)
    if options.target == .ggufLoRA, !session.base.configuration.isInGGUF {
      throw Fault(
        .unsupported, "AD-EXPORT",
        "models of the family \(session.base.configuration.architecture) are not written as GGUF; export to "
          + "peft", path: path)
    }
    // What the adapter itself names: the base that is here has another name, or only a path.
    let name = loaded.artifact.metadata.adapter?.baseModelName
    let (directory, dtype) = (place.directory, options.type.dtype ?? .f32)
    // Only targets of one file ask for it, and their places have it.
    let file = place.file ?? directory
    var updates: [LowRankUpdate] = []
    switch options.target {
    case .ggufLoRA, .loraXS, .mlx, .kohya: updates = try pairs(loaded, path: path)
    case .merged, .mergedGGUF: try checkHeads(loaded, path: path)
    case .peft: break
    }
    try Paths.makeDirectory(directory)
    try removeLeftovers(of: place)
    switch options.target {
    case .peft:
      let (updates, extras) = namedByClass(try peft(loaded, path: path))
      try PEFTWriter.write(
        updates, extras: extras, to: directory, baseModelName: name, dtype: dtype)
      return ["adapter_config.json", "adapter_model.safetensors"].map {
        Paths.join(directory, $0)
      }
    case .merged:
      return try writeMerged(loaded, to: directory, dtype: dtype)
    case .mergedGGUF:
      try writeMergedGGUF(loaded, to: file)
      return [file]
    case .ggufLoRA:
      try GGUFLoRAWriter.write(
        updates, to: file, configuration: session.base.configuration, hasHead: hasHead,
        name: loaded.artifact.metadata.name, baseModelName: name,
        type: options.type.ggufType)
      return [file]
    case .loraXS:
      return try writeLoRAXS(loaded, to: directory, dtype: dtype)
    case .mlx:
      let rank = try MLXWriter.write(
        updates, to: directory, layerCount: session.base.configuration.layerCount,
        baseModelName: name, dtype: dtype)
      warnOfPadding(updates.map(\.rank), to: rank, format: "mlx-lm")
      return ["adapter_config.json", "adapters.safetensors"].map { Paths.join(directory, $0) }
    case .kohya:
      try KohyaWriter.write(updates, to: file, baseModelName: name, dtype: dtype)
      return [file]
    }
  }

  /// Takes away what an export to this place left that was ended in the middle.
  private func removeLeftovers(of place: ExportPlace) throws(Fault) {
    if place.isFile, let file = place.file {
      try AtomicFile.removeLeftovers(of: file)
      return
    }
    let folders = [
      place.directory, Paths.join(place.directory, LoRAXSWriter.adapterFolder),
    ]
    for folder in folders where Paths.kind(of: folder) == .directory {
      try AtomicFile.removeLeftovers(in: folder)
    }
  }

  /// Says that smaller ranks became larger, which costs bytes and changes nothing.
  func warnOfPadding(_ ranks: [Int], to rank: Int, format: String) {
    let smaller = ranks.filter { $0 < rank }
    guard let least = smaller.min() else { return }
    session.log.warn([
      Warning(
        "EXPORT-RANK",
        "\(format) has one rank for all modules: \(smaller.count) of \(ranks.count), from rank "
          + "\(least), are padded with zeros to \(rank)")
    ])
  }
}

extension LoadedArtifact {
  /// What the adapter was for, or what its changes make of the base.
  func taskType(on session: BaseSession) -> String? {
    artifact.metadata.adapter?.taskType
      ?? TaskType.implied(by: session.base.configuration, parts: parts)
  }

  /// Each module's update as a pair: `A = Vᵀ` `[inputRank, in]`, `B = U·M` `[out, inputRank]`, scaling 1.
  var updates: [LowRankUpdate] {
    modules.indices.map { index in
      let up: Matrix<Double> = bases[index].outputBasis.converted()
      return LowRankUpdate(
        moduleName: modules[index].name, loraA: bases[index].inputBasis.transposed,
        loraB: up.times(latents[index].converted()).converted(), scaling: 1)
    }
  }

  /// The updates by the names of the weights they change.
  var updatesByWeight: [String: LowRankUpdate] {
    var result: [String: LowRankUpdate] = [:]
    for (module, update) in zip(modules, updates) { result[module.weightName] = update }
    return result
  }
}
