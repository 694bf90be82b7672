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

/// An artifact on its way to disk.
struct AssembledArtifact {
  var artifact: Artifact
  /// By how much a budget made its scales larger than the best after all, beyond what tuning has seen.
  var coarsening = Coarsening.none

  /// Notes what it was found to retain.
  mutating func note(_ gate: GateRecord) { artifact.metadata.record["gate"] = gate.json.rounded }

  /// Puts a block of figures that are not known yet into the metadata.
  mutating func standIn(_ evaluation: EvaluationRecord) {
    artifact.metadata.accuracy = evaluation.reproducible.json.rounded
  }

  /// Takes out what stood in for figures.
  mutating func removeStandIns() {
    artifact.metadata.accuracy = .null
    artifact.metadata.record["gate"] = nil
  }

  /// Puts the accuracy block into the metadata; nil says that nothing was measured.
  ///
  /// The block names the size of the file it is part of, so it is set until the two agree; the digits of a
  /// size hardly change the size.
  mutating func setAccuracy(_ evaluation: inout EvaluationRecord?) throws(Fault) {
    for _ in 0..<4 {
      artifact.metadata.accuracy = evaluation.map { $0.reproducible.json.rounded } ?? .null
      let size = try encodedByteCount()
      guard let stored = evaluation?.first(.stored), stored.bytes != size else { return }
      evaluation?.setBytes(size, of: .stored)
    }
  }

  /// The size of the file as it would be written now.
  func encodedByteCount() throws(Fault) -> Int { try artifact.bytes().count }

  /// Writes the file atomically.
  func write(to path: String) throws(Fault) -> AtomicFile.Written { try artifact.write(path) }

  /// Named parts of the file and what each costs when compressed alone.
  func parts() throws(Fault) -> [SizeRecord.Part] {
    try artifact.partSizes().map {
      SizeRecord.Part(name: $0.name, bytes: $0.compressedByteCount)
    }
  }

  /// Bytes of one module's latent before compression.
  func latentByteCount(_ index: Int) -> Int {
    let module = artifact.modules[index]
    return module.stored.byteCount + (module.residual?.byteCount ?? 0)
  }
}

extension EvaluationRecord {
  /// The record without what differs between two runs of one job, times and the artifact's own path, and with names
  /// for paths: the same inputs make the same file wherever they lie, and it does not tell where.
  fileprivate var reproducible: EvaluationRecord {
    var record = self
    record.data.path = Paths.properName(of: data.path)
    for index in record.variants.indices {
      record.variants[index].seconds = nil
      record.variants[index].source =
        record.variants[index].kind == .stored
        ? nil : record.variants[index].source.map(Paths.properName)
    }
    return record
  }
}

/// Turns projected or tuned latents into an artifact.
struct ArtifactStage {
  let session: BaseSession
  let request: JobRequest
  let matched: MatchedAdapter

  /// The artifact of `latents`, rounded as it is stored.
  func assemble(
    _ projected: ProjectedAdapter, latents: [Matrix<Float>], tuning: TuningRecord? = nil,
    coarsening: Coarsening = .none
  ) throws(Fault) -> AssembledArtifact {
    let digests = try session.moduleDigests(projected.modules)
    let (draws, request, basePath) = (session.probeDraws, self.request, session.base.path)
    let modules = try parallelMap(projected.modules.count, threads: session.threads) {
      (index) throws(Fault) -> ArtifactModule in
      let module = projected.modules[index]
      return try ArtifactStage.module(
        module, basis: projected.bases[index], latent: latents[index],
        residual: projected.residuals[index], digest: digests[index],
        proof: ModuleProof(
          projected.bases[index], draws: try draws.draws(of: module, index: index)),
        request: request, coarsening: coarsening[index], basePath: basePath)
    }
    return try artifact(
      of: projected, modules: modules, digests: digests, tuning: tuning, coarsening: coarsening)
  }

  /// One module as it is stored, with what proves its basis.
  ///
  /// - Parameter coarsening: eighths of an octave by which its scales are larger than the best.
  static func module(
    _ module: LinearModule, basis: ModuleBasis, latent: Matrix<Float>,
    residual pairs: ResidualPairs?,
    digest: SHA256Digest, proof: ModuleProof, request: JobRequest, coarsening: Int = 0,
    basePath: String
  ) throws(Fault) -> ArtifactModule {
    let embeds = request.embedsBases || request.directions == .own
    let (stored, residual): (StoredLatent, StoredResidual?)
    do throws(Fault) {
      (stored, residual) = try LatentRounding(
        storage: request.storage, coarsening: Coarsening(level: coarsening, moduleCount: 1)
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

  /// An artifact of a plan's sizes, for its own: directions and proofs are random, and numbers compress as the latents do
  /// that need least: those of a start that tuning hardly moves.
  ///
  /// Tuned ones need up to a sixth more, and their scales are made for the budget once they are known.
  ///
  /// - Returns: nil where no module gets a rank.
  func draft(
    _ plan: RankPlan, directions: ArtifactMetadata.Directions, residuals: [ResidualPairs?],
    tuning: TuningRecord?
  ) throws(Fault) -> AssembledArtifact? {
    var modules: [ArtifactModule] = []
    for (index, module) in matched.modules.enumerated() {
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
      let numbers = ArtifactStage.numbers(
        rows: rank.output + pairs, columns: columns, from: &generator)
      func basis(_ features: Int, _ count: Int) -> Matrix<Float>? {
        guard request.embedsBases else { return nil }
        return Matrix(
          rows: features, columns: count,
          elements: generator.normals(features * count).map { Float($0) })
      }
      let stored = try LatentRounding(storage: request.storage).store(
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
          root: SHA256Digest.of(matched.adapter.digest.bytes), directions: directions,
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

  /// Standard deviation of the logarithms of rows' sizes, by what near starts compress to (`golden/recovery/NOTES.md`).
  private static let rowSpread = 0.4

  /// What the adapter changes beside linear modules, as it is stored.
  private func carried() throws(Fault) -> [CarriedParameter] {
    try matched.parts.map { (part) throws(Fault) in
      try CarriedParameter(part, of: session.base, storage: request.carriedStorage)
    }
  }

  private func metadata(
    root: SHA256Digest, directions: ArtifactMetadata.Directions, omegaSeed: UInt64?,
    energy: Double?, form: String?, _ tuning: TuningRecord? = nil
  ) -> ArtifactMetadata {
    let adapter = matched.adapter
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
      adapter: ArtifactMetadata.Source(
        name: adapter.name, format: adapter.format, digest: adapter.digest,
        byteCount: adapter.byteCount, parameterCount: adapter.parameterCount, rank: adapter.rank,
        baseModelName: adapter.baseModelName),
      directions: directions, omegaSeed: omegaSeed, storage: request.storage, record: record)
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

extension JSONValue {
  /// The same value with numbers cut to six significant digits.
  ///
  /// Beyond them no measurement here means anything, and digits do not compress: this halves the block. The
  /// record keeps them whole.
  fileprivate var rounded: JSONValue {
    switch self {
    case .number(let value): Double(String(format: "%.6g", value)).map { .number($0) } ?? self
    case .array(let values): .array(values.map(\.rounded))
    case .object(let object):
      .object(JSONObject(object.members.map { ($0.key, $0.value.rounded) }))
    default: self
    }
  }
}
