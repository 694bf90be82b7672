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
import Reports
import Tensors

/// An artifact on its way to disk.
struct AssembledArtifact {
  var artifact: Artifact

  /// Puts the accuracy block into the metadata; nil says that nothing was measured.
  ///
  /// The block names the size of the file it is part of, so it is set until the two agree; the digits of a
  /// size hardly change the size.
  mutating func setAccuracy(_ evaluation: inout EvaluationRecord?) throws(Fault) {
    for _ in 0..<4 {
      artifact.metadata.accuracy = evaluation.map { $0.json.rounded } ?? .null
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
  func parts() throws(Fault) -> [(name: String, bytes: Int)] {
    try artifact.partSizes().map { ($0.name, $0.compressedByteCount) }
  }

  /// Bytes of one module's latent before compression.
  func latentByteCount(_ index: Int) -> Int { artifact.modules[index].stored.codeByteCount }
}

/// Turns projected or tuned latents into an artifact.
struct ArtifactStage {
  let session: BaseSession
  let request: JobRequest
  let matched: MatchedAdapter

  /// The artifact of `latents`, rounded as it is stored.
  func assemble(
    _ projected: ProjectedAdapter, latents: [Matrix<Float>], tuning: TuningRecord? = nil
  ) throws(Fault) -> AssembledArtifact {
    let digests = try session.moduleDigests(projected.modules)
    let (draws, request) = (session.probeDraws, self.request)
    let embeds = request.embedsBases || request.directions == .own
    let modules = try parallelMap(projected.modules.count, threads: session.threads) {
      (index) throws(Fault) -> ArtifactModule in
      let (module, basis) = (projected.modules[index], projected.bases[index])
      let stored: StoredLatent
      do throws(Fault) {
        stored = try StoredLatent(latents[index], storage: request.storage)
      } catch {
        throw error.at(tensor: module.name)
      }
      let probes = Probe.values(
        draws: try draws.draws(of: module, index: index), basis: basis, latent: stored.matrix)
      let (output, input) = basis.selection.indices
      return ArtifactModule(
        moduleName: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        stored: stored, outputIndices: output, inputIndices: input,
        outputSingularValues: basis.outputSingularValues.map { Float($0) },
        inputSingularValues: output.isEmpty ? [] : basis.inputSingularValues.map { Float($0) },
        probes: probes.map { Float($0.value) },
        digestPrefix: Array(digests[index].bytes.prefix(Artifact.digestPrefixLength)),
        outputBasis: embeds ? basis.outputBasis : nil,
        inputBasis: embeds ? basis.inputBasis : nil)
    }
    return AssembledArtifact(
      artifact: try Artifact(
        modules: modules,
        metadata: metadata(projected, root: Artifact.rootDigest(digests), tuning),
        carried: try matched.parts.map { (part) throws(Fault) in
          try CarriedParameter(part, of: session.base, storage: request.carriedStorage)
        }))
  }

  private func metadata(
    _ projected: ProjectedAdapter, root: SHA256Digest, _ tuning: TuningRecord?
  ) -> ArtifactMetadata {
    let adapter = matched.adapter
    let projections = projected.projections
    let energy = projections.reduce(0) { $0 + $1.heldEnergy } / Double(projections.count)
    var record = JSONObject([
      ("method", .string(request.method.rawValue)), ("seed", .string("\(request.seed)")),
      ("meanCapturedEnergy", .number(energy)),
    ])
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
        name: Paths.name(of: session.base.path), rootDigest: root,
        packDigest: session.packDigest),
      adapter: ArtifactMetadata.Source(
        name: adapter.name, format: adapter.format, digest: adapter.digest,
        byteCount: adapter.byteCount, parameterCount: adapter.parameterCount, rank: adapter.rank),
      directions: projected.directions,
      omegaSeed: projected.omegaSeed, storage: request.storage,
      record: record)
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

extension StoredLatent {
  /// Bytes of codes and scales, or of rounded numbers, before compression.
  var codeByteCount: Int {
    switch storage {
    case .f32: rows * columns * 4
    case .f16, .bf16: rows * columns * 2
    case .int8: rows * columns + columns
    case .int4: rows * ((columns + 1) / 2) + columns
    }
  }
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
