import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Files
import Foundation
import JSON
import LinearAlgebra
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import Threads

extension JobContext {
  /// Makes artifacts of the job's latents in `storage`.
  func assembler(_ storage: LatentStorage) -> Assembler {
    Assembler(session: session, request: request, source: source, storage: storage)
  }
}

/// Turns projected or tuned latents into an artifact.
struct Assembler {
  let session: BaseSession
  let request: JobRequest
  let source: JobSource
  /// How latents are stored.
  let storage: LatentStorage
  /// What is carried; nil for what the source changes.
  var parts: [AdapterPart]?

  /// The artifact of `latents`, rounded as it is stored.
  func assemble(
    _ projected: ProjectedAdapter, latents: [Matrix<Float>], tuning: TuningRecord? = nil,
    coarsening: Coarsening = .none
  ) throws(Fault) -> AssembledArtifact {
    let digests = try session.moduleDigests(projected.modules)
    let (draws, basePath, storage) = (session.probeDraws, session.base.path, self.storage)
    let embeds = request.embedsBases || projected.bases.contains { $0.selection.isOwn }
    let modules = try parallelMap(projected.modules.count, threads: session.threads) {
      (index) throws(Fault) -> ArtifactModule in
      let (module, basis) = (projected.modules[index], try projected.bases[index].whole())
      return try Assembler.module(
        module, basis: basis, latent: latents[index],
        residual: projected.residuals[index], digest: digests[index],
        proof: ModuleProof(basis, draws: try draws.draws(of: module, index: index)),
        storage: storage, embeds: embeds, coarsening: coarsening[index], basePath: basePath)
    }
    return try artifact(
      of: projected, modules: modules, digests: digests, tuning: tuning, coarsening: coarsening)
  }

  /// Fits artifacts of `latents` to bytes, with stand-ins for what is not known before the end.
  ///
  /// - Parameter figures: How much of the figures there is to be room for.
  func fit(
    _ projected: ProjectedAdapter, _ latents: [Matrix<Float>], tuning: TuningRecord?,
    figures: AccuracyStandIn.Extent = .own
  ) -> ArtifactFit {
    ArtifactFit(
      projected: projected, latents: latents, storage: storage,
      assemble: { (projected, latents, coarsening) throws(Fault) in
        var artifact = try assemble(
          projected, latents: latents, tuning: tuning, coarsening: coarsening)
        standIn(&artifact, figures)
        return artifact
      })
  }

  /// Puts figures into an artifact where the job's own will be.
  func standIn(_ artifact: inout AssembledArtifact, _ figures: AccuracyStandIn.Extent = .own) {
    if let data = request.evaluation {
      var variants = [
        AccuracyStandIn.Variant(kind: .base, name: "base", source: session.base.path),
        AccuracyStandIn.Variant(kind: .start, name: "start (\(request.method.rawValue))"),
        AccuracyStandIn.Variant(
          kind: .stored, name: "as stored (\(storage.rawValue) + residual)"),
      ]
      if let adapter = source.adapter {
        variants.insert(
          AccuracyStandIn.Variant(
            kind: .lora, name: adapter.name, source: request.adapterPath), at: 1)
      }
      if request.tuning != nil {
        variants.append(AccuracyStandIn.Variant(kind: .tuned, name: "tuned"))
      }
      artifact.standIn(AccuracyStandIn.block(variants, on: data, seed: request.seed), figures)
    }
    if let share = request.target.minRetained, !artifact.isJudged {
      artifact.note(
        GateRecord(
          asked: share, retained: 0.987654, interval95: 0.912345...1.023456, rows: 256,
          size: "rank 100x10", tried: 4))
    }
  }

  /// One module as it is stored, with what proves its basis.
  ///
  /// - Parameter coarsening: eighths of an octave by which its scales are larger than the best.
  static func module(
    _ module: LinearModule, basis: ModuleBasis, latent: Matrix<Float>,
    residual pairs: ResidualPairs?,
    digest: SHA256Digest, proof: ModuleProof, storage: LatentStorage, embeds: Bool,
    coarsening: Int = 0, basePath: String
  ) throws(Fault) -> ArtifactModule {
    let (stored, residual): (StoredLatent, StoredResidual?)
    do throws(Fault) {
      (stored, residual) = try LatentRounding(
        storage: storage, coarsening: Coarsening(level: coarsening, moduleCount: 1)
      ).store(0, latent, residual: pairs)
    } catch {
      throw error.at(tensor: module.name)
    }
    guard residual != nil || stored.rows > 0 && stored.columns > 0 else {
      throw noDirections(of: module, path: basePath)
    }
    let (output, input) = basis.selection.indices
    let own = embeds ? basis.ownDirections : nil
    var result = ArtifactModule(
      moduleName: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
      stored: stored, residual: residual, outputIndices: output, inputIndices: input,
      valueCheck: proof.valueCheck,
      digestPrefix: Array(digest.bytes.prefix(Artifact.digestPrefixLength)),
      outputBasis: own?.output, inputBasis: own?.input)
    result.probes = proof.probes(result.latent).map(\.stored)
    return result
  }

  /// 69 `BASIS-NONE`: a weight of the base at `path` has no direction to choose.
  static func noDirections(of module: LinearModule, path: String) -> Fault {
    Fault(
      .unsupported, "BASIS-NONE",
      "no direction stands out: its singular values are all alike or zero; keep some of the LoRA's own "
        + "with --residual or --directions own", path: path, tensor: module.name)
  }

  /// The artifact of `modules`, which are those of `projected` as they are stored.
  func artifact(
    of projected: ProjectedAdapter, modules: [ArtifactModule], digests: [SHA256Digest],
    tuning: TuningRecord? = nil, coarsening: Coarsening = .none
  ) throws(Fault) -> AssembledArtifact {
    // An update of zero has no energy to hold.
    let energies = projected.projections.compactMap(\.heldEnergy)
    let energy = energies.isEmpty ? nil : energies.reduce(0, +) / Double(energies.count)
    return AssembledArtifact(
      artifact: try Artifact(
        modules: modules,
        metadata: metadata(
          root: Artifact.rootDigest(digests), directions: projected.directions,
          omegaSeed: projected.omegaSeed, energy: energy,
          form: projected.hasResidual ? projected.form : nil, tuning),
        carried: try carried()), coarsening: coarsening)
  }

  /// What is changed beside linear modules, as it is stored.
  func carried() throws(Fault) -> [CarriedParameter] {
    try (parts ?? source.parts).map { (part) throws(Fault) in
      try CarriedParameter(part, of: session.base, storage: request.carriedStorage)
    }
  }

  func metadata(
    root: SHA256Digest, directions: ArtifactMetadata.Directions, omegaSeed: UInt64?,
    energy: Double?, form: String?, _ tuning: TuningRecord? = nil
  ) -> ArtifactMetadata {
    var record = JSONObject([
      ("method", .string(request.method.rawValue)), ("seed", .string("\(request.seed)")),
      ("meanCapturedEnergy", energy.map { .number($0) } ?? .null),
    ])
    if let form { record["form"] = .string(form) }
    if let tuning {
      record["training"] = .object(
        JSONObject(
          tuning.settings.map { ($0.name, .string($0.value)) } + [
            ("steps", .integer(tuning.steps)), ("bestStep", .integer(tuning.bestStep)),
          ]))
    }
    return ArtifactMetadata(
      createdBy: Product.createdBy,
      base: ArtifactMetadata.Base(
        architecture: session.base.configuration.architecture,
        name: Paths.properName(of: session.base.path), rootDigest: root,
        packDigest: session.packDigest),
      origin: origin, directions: directions, omegaSeed: omegaSeed, storage: storage, record: record
    )
  }
}

extension Assembler {
  /// What the artifact is made from.
  private var origin: ArtifactMetadata.Origin {
    guard let adapter = source.adapter else {
      return .scratch(
        ArtifactMetadata.Scratch(
          name: request.name, modules: request.scratch?.modules ?? [TargetModules.allLinear]))
    }
    return .adapter(
      ArtifactMetadata.Source(
        name: adapter.name, format: adapter.format, digest: adapter.digest,
        byteCount: adapter.byteCount, parameterCount: adapter.parameterCount, rank: adapter.rank,
        baseModelName: adapter.baseModelName,
        taskType: TaskType.stated(
          by: adapter, base: session.base.configuration, parts: source.parts)))
  }
}

extension ProjectedAdapter {
  /// How the directions were chosen; every module alike.
  fileprivate var directions: ArtifactMetadata.Directions {
    switch bases.first?.selection {
    case .top: .top
    case .random: .random
    case .own: .own
    case .selected, .some(.none), nil: .selected
    }
  }
}

extension ProjectedAdapter {
  /// The seed of canonical or random directions; every module alike.
  fileprivate var omegaSeed: UInt64? {
    switch bases.first?.selection {
    case .top(_, let seed), .random(_, let seed): seed
    default: nil
    }
  }
}

extension BasisSelection {
  /// Chosen directions of both sides; empty unless directions are selected.
  var indices: (output: [Int], input: [Int]) {
    if case .selected(let output, let input) = self { return (output, input) }
    return ([], [])
  }
}

extension StoredResidual {
  /// Bytes of codes and rows, before compression.
  var byteCount: Int { output.codes.count + input.codes.count + rows.count * 2 }
}
