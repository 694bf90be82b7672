package import Adapters
public import Artifacts
package import Bases
package import Checkpoints
public import Faults
import Files
import LinearAlgebra
import Projection
public import Sessions
package import Tensors
import Threads
public import Training

/// Turns an artifact back into a model: finds its modules in the base, regenerates the bases (or takes the
/// embedded ones) and proves by digests, singular values and probes that they are the ones it was made on.
public struct ArtifactLoader {
  private let session: BaseSession

  /// A loader on an open base.
  public init(session: BaseSession) {
    self.session = session
  }

  /// Reads the file at `path` and checks it against the base.
  ///
  /// - Throws: what reading throws; `ART-BASE` for another base, `ART-MODULE` for a module the base lacks,
  ///   `ART-BASIS` where singular values or probes disagree.
  public func load(_ path: String) throws(Fault) -> LoadedArtifact {
    let artifact = try Artifact.read(path, memory: session.memory)
    do throws(Fault) {
      return try load(artifact)
    } catch {
      var fault = error
      if let pack = artifact.metadata.base.packDigest, pack != session.packDigest,
        error.code == "ART-BASIS"
      {
        fault.reason +=
          "; it was made with the pack of SHA-256 \(pack.hex.prefix(16)), give it with --bases"
      }
      throw fault.at(path: path)
    }
  }

  /// Checks a decoded artifact against the base and regenerates its bases.
  public func load(_ artifact: Artifact) throws(Fault) -> LoadedArtifact {
    let modules = try modulesOfBase(artifact)
    var digests: [String: Int] = [:]
    for (index, module) in modules.enumerated() { digests[module.name] = index }
    let found = try session.moduleDigests(modules)
    try artifact.checkBase { (name) throws(Fault) in digests[name].map { found[$0] } }
    if artifact.modules.contains(where: { $0.outputBasis == nil || $0.inputBasis == nil }) {
      let selections = artifact.modules.map {
        ArtifactLoader.selection($0, metadata: artifact.metadata)
      }
      let leading = selections.map(\.leadingCount).max()
      try session.prepareBases(modules, leading: { _ in leading })
    }
    let (store, draws) = (session.bases, session.probeDraws)
    let bases = try parallelMap(modules.count, threads: session.threads) {
      (index) throws(Fault) -> ModuleBasis in
      let stored = artifact.modules[index]
      do throws(Fault) {
        let basis = try ArtifactLoader.basis(
          stored, metadata: artifact.metadata, module: modules[index], store: store)
        try ModuleProof(basis, draws: try draws.draws(of: modules[index], index: index))
          .check(stored)
        return basis
      } catch {
        throw error.at(tensor: stored.moduleName)
      }
    }
    return LoadedArtifact(
      artifact: artifact, modules: modules, bases: bases,
      latents: artifact.modules.map(\.latent), parts: try parts(of: artifact))
  }

  /// The carried parameters, every one of which the base must have but for heads of a task.
  private func parts(of artifact: Artifact) throws(Fault) -> [AdapterPart] {
    let known = session.base.configuration.parameters
    return try artifact.carried.map { (carried) throws(Fault) in
      let part = try carried.part
      let own = known.first { $0.name == carried.parameter }
      guard own?.shape == carried.shape || own == nil && TaskHead.contains(part.module) else {
        throw Fault(
          .badData, "ART-BASE", "the base has no such parameter of shape \(carried.shape)",
          tensor: carried.parameter)
      }
      return part
    }
  }

  private func modulesOfBase(_ artifact: Artifact) throws(Fault) -> [LinearModule] {
    var byName: [String: LinearModule] = [:]
    for module in session.base.linearModules { byName[module.name] = module }
    return try artifact.modules.map { (stored) throws(Fault) in
      guard let module = byName[stored.moduleName] else {
        throw Fault(
          .badData, "ART-MODULE", "the base has no such linear module", tensor: stored.moduleName)
      }
      guard module.outFeatures == stored.outFeatures, module.inFeatures == stored.inFeatures
      else {
        throw Fault(
          .badData, "ART-BASE",
          "made for another base: shape [\(stored.outFeatures), \(stored.inFeatures)], "
            + "the base weight is [\(module.outFeatures), \(module.inFeatures)]",
          tensor: stored.moduleName)
      }
      return module
    }
  }

  static func selection(
    _ stored: ArtifactModule, metadata: ArtifactMetadata
  ) -> BasisSelection {
    switch metadata.directions {
    case .selected: .selected(output: stored.outputIndices, input: stored.inputIndices)
    case .top: .top(rank: stored.stored.rows, omegaSeed: metadata.omegaSeed ?? 0)
    case .own: .own(rank: stored.stored.rows)
    case .random:
      .random(
        rank: LatentRank(
          output: stored.stored.rows, input: stored.stored.columns - (stored.residual?.count ?? 0)),
        seed: metadata.omegaSeed ?? 0)
    }
  }

  private static func basis(
    _ stored: ArtifactModule, metadata: ArtifactMetadata, module: LinearModule, store: BasisStore
  ) throws(Fault) -> ModuleBasis {
    let selection = selection(stored, metadata: metadata)
    let basis: ModuleBasis
    if let output = stored.outputBasis, let input = stored.inputBasis {
      basis = ModuleBasis(
        moduleName: stored.moduleName, outputBasis: output, inputBasis: input,
        outputSingularValues: stored.outputSingularValues.map(Double.init),
        inputSingularValues: stored.inputSingularValues.map(Double.init), selection: selection)
    } else {
      basis = try store.moduleBasis(of: module, for: selection)
    }
    guard let residual = stored.residual else { return basis }
    return basis.appending(output: residual.output.matrix, input: residual.input.matrix)
  }
}

/// An artifact with its bases, ready to run.
public struct LoadedArtifact: Sendable {
  /// The artifact as read.
  public let artifact: Artifact
  package let modules: [LinearModule]
  package let bases: [ModuleBasis]
  package let latents: [Matrix<Float>]
  /// What it changes of the base beside its updates.
  package let parts: [AdapterPart]

  /// Its directions and latents as the start of a tuning run for `adapter`.
  ///
  /// - Throws: `JOB-START` where the artifact's modules are not the adapter's.
  func projected(_ adapter: MatchedAdapter) throws(Fault) -> ProjectedAdapter {
    // An artifact leaves out modules that a budget gave nothing.
    let places = modules.compactMap { adapter.modules.firstIndex(of: $0) }
    guard places.count == modules.count else {
      throw Fault(
        .badData, "JOB-START",
        "\(modules.count - places.count) of the artifact's \(modules.count) modules are none of the "
          + "\(adapter.modules.count) that the adapter changes", path: adapter.adapter.path)
    }
    let updates = places.map { adapter.updates[$0] }
    var projections: [ProjectedModule] = []
    for (index, basis) in bases.enumerated() {
      let latent: Matrix<Double> = latents[index].converted()
      projections.append(
        ProjectedModule(
          moduleName: basis.moduleName, selection: basis.selection, latent: latent,
          heldEnergy: try Projection.heldEnergy(of: updates[index], basis: basis),
          capturedEnergy: try Projection.capturedEnergy(
            of: latent, update: updates[index], basis: basis, curvature: nil
          ).plain, weightedCapturedEnergy: nil))
    }
    return ProjectedAdapter(
      modules: modules, bases: bases.map { ShelvedBasis($0) }, projections: projections,
      residuals: artifact.modules.map { stored in
        stored.residual.map { ResidualPairs(output: $0.output, input: $0.input) }
      })
  }

  /// The model.
  public func student(session: BaseSession) throws(Fault) -> StudentModel {
    StudentModel(
      weights: try session.changed(by: parts).weights(), modules: modules, bases: bases,
      latents: latents,
      threads: session.threads)
  }
}
