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

  /// The artifact of `latents`, rounded as it is stored.
  func assemble(
    _ projected: ProjectedAdapter, latents: [Matrix<Float>], tuning: TuningRecord? = nil,
    coarsening: Coarsening = .none
  ) throws(Fault) -> AssembledArtifact {
    let digests = try session.moduleDigests(projected.modules)
    let (draws, basePath, storage) = (session.probeDraws, session.base.path, self.storage)
    let embeds = request.embedsBases || request.directions == .own
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
  func fit(
    _ projected: ProjectedAdapter, _ latents: [Matrix<Float>], tuning: TuningRecord?
  ) -> ArtifactFit {
    ArtifactFit(
      projected: projected, latents: latents, storage: storage,
      assemble: { (projected, latents, coarsening) throws(Fault) in
        var artifact = try assemble(
          projected, latents: latents, tuning: tuning, coarsening: coarsening)
        standIn(&artifact)
        return artifact
      })
  }

  /// Puts figures into an artifact where the job's own will be.
  func standIn(_ artifact: inout AssembledArtifact) {
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
      artifact.standIn(AccuracyStandIn.block(variants, on: data, seed: request.seed))
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
      throw Fault(
        .unsupported, "BASIS-NONE",
        "no direction stands out: its singular values are all alike or zero; keep some of the LoRA's own "
          + "with --residual or --directions own", path: basePath, tensor: module.name)
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

  /// The size that an artifact of a plan's sizes will have, with its figures; nil where no module gets a rank.
  func draftByteCount(
    _ plan: RankPlan, directions: ArtifactMetadata.Directions, residuals: [ResidualPairs?],
    tuning: TuningRecord?, like sample: ProjectedAdapter? = nil
  ) throws(Fault) -> Int? {
    guard
      var draft = try draft(
        plan, directions: directions, residuals: residuals, tuning: tuning, like: sample)
    else { return nil }
    standIn(&draft)
    return try draft.encodedByteCount()
  }

  /// An artifact of a plan's sizes, for its own: directions and proofs are random, and numbers compress as the latents do
  /// that need least: those of a start that tuning hardly moves.
  ///
  /// Tuned ones need up to a sixth more, and their scales are made for the budget once they are known.
  ///
  /// - Parameter sample: What numbers are taken from instead, module by module, where it has any.
  /// - Returns: nil where no module gets a rank.
  func draft(
    _ plan: RankPlan, directions: ArtifactMetadata.Directions, residuals: [ResidualPairs?],
    tuning: TuningRecord?, like sample: ProjectedAdapter? = nil
  ) throws(Fault) -> AssembledArtifact? {
    var modules: [ArtifactModule] = []
    var samples: [String: Matrix<Double>] = [:]
    for projection in sample?.projections ?? [] {
      samples[projection.moduleName] = projection.latent
    }
    for (index, module) in source.modules.enumerated() {
      let residual = residuals.isEmpty ? nil : residuals[index]
      guard plan[index] != 0 || residual != nil else { continue }
      var generator = SeededGenerator(seed: request.seed, stream: UInt64(index + 1))
      let pairs = residual?.count ?? 0
      let rank = plan[index].clipped(
        outFeatures: module.outFeatures - pairs, inFeatures: module.inFeatures - pairs)
      let candidates = min(module.outFeatures, module.inFeatures)
      func chosen(_ count: Int) -> [Int] {
        directions == .selected ? generator.permutation(candidates).prefix(count).sorted() : []
      }
      let columns = rank.input + pairs
      let numbers =
        samples[module.name].map {
          Assembler.numbers(
            rows: rank.output + pairs, columns: columns, beside: pairs, like: $0, from: &generator)
        } ?? Assembler.numbers(rows: rank.output + pairs, columns: columns, from: &generator)
      func basis(_ features: Int, _ count: Int) -> Matrix<Float>? {
        guard request.embedsBases else { return nil }
        return Matrix(
          rows: features, columns: count,
          elements: generator.normals(features * count).map { Float($0) })
      }
      let stored = try LatentRounding(storage: storage).store(
        index, Matrix(rows: rank.output + pairs, columns: columns, elements: numbers),
        residual: residual)
      modules.append(
        ArtifactModule(
          moduleName: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
          stored: stored.latent, residual: stored.residual,
          outputIndices: chosen(rank.output), inputIndices: chosen(rank.input),
          valueCheck: UInt8(truncatingIfNeeded: generator.next()),
          probes: [HalfPrecision.float(half: HalfPrecision.half(numbers.first ?? 0))],
          digestPrefix: [UInt8(truncatingIfNeeded: generator.next())],
          outputBasis: basis(module.outFeatures, rank.output),
          inputBasis: basis(module.inFeatures, rank.input)))
    }
    guard !modules.isEmpty else { return nil }
    return AssembledArtifact(
      artifact: try Artifact(
        modules: modules,
        metadata: metadata(
          // Like a base's digest, and no text that stands there already: it would compress.
          root: SHA256Digest.of((source.adapter?.digest ?? source.identity).bytes),
          directions: directions,
          omegaSeed: directions == .selected ? nil : request.seed, energy: 0.123456789,
          form: residuals.isEmpty ? nil : ProjectedAdapter.form(of: residuals), tuning),
        carried: try carried()))
  }

  /// Normal numbers in rows of different size, `rows · columns`.
  private static func numbers(
    rows: Int, columns: Int, from generator: inout SeededGenerator
  ) -> [Float] {
    (0..<rows).flatMap { _ in
      let size = exp(rowSpread * (generator.normals(1).first ?? 0))
      return generator.normals(columns).map { Float(size * $0) }
    }
  }

  /// The numbers of `latent`, whose last `pairs` rows and columns stay the last ones, cut or gone on with to
  /// `rows · columns`: what is added are numbers of others, a little changed, so that none stands there twice.
  private static func numbers(
    rows: Int, columns: Int, beside pairs: Int, like latent: Matrix<Double>,
    from generator: inout SeededGenerator
  ) -> [Float] {
    func places(_ count: Int, of available: Int) -> [(place: Int, isOwn: Bool)] {
      let (own, some) = (count - pairs, available - pairs)
      guard some > 0 else { return (0..<count).map { (min($0, available - 1), false) } }
      return (0..<own).map { $0 < some ? ($0, true) : (generator.index(below: some), false) }
        + (0..<pairs).map { (some + $0, true) }
    }
    guard latent.rows > 0, latent.columns > 0 else {
      return numbers(rows: rows, columns: columns, from: &generator)
    }
    let (down, across) = (places(rows, of: latent.rows), places(columns, of: latent.columns))
    return down.flatMap { row in
      across.map { column in
        let number = Float(latent[row.place, column.place])
        guard !row.isOwn || !column.isOwn else { return number }
        return number * Float(1 + 0.1 * generator.uniform()) * (generator.uniform() < 0.5 ? -1 : 1)
      }
    }
  }

  /// Standard deviation of the logarithms of rows' sizes, by what near starts compress to (`golden/recovery/NOTES.md`).
  private static let rowSpread = 0.4

  /// What the adapter changes beside linear modules, as it is stored.
  private func carried() throws(Fault) -> [CarriedParameter] {
    try source.parts.map { (part) throws(Fault) in
      try CarriedParameter(part, of: session.base, storage: request.carriedStorage)
    }
  }

  private func metadata(
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
        baseModelName: adapter.baseModelName))
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
