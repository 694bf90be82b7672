import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Files
import Projection
import Reports
import Tensors
import Training

/// What is written down about the job.
extension JobRunner {
  /// Identifies inputs and settings of a tuning run; a checkpoint of another plan is never continued.
  func planDigest(rank: LatentRank) throws(Fault) -> String {
    var hasher = SHA256Hasher()
    let digests = try session.moduleDigests(matched.modules).map(\.hex)
    hasher.update(Array(digests.joined().utf8))
    hasher.update(Array(matched.adapter.digest.hex.utf8))
    hasher.update(Array(trainingDigest.utf8))
    if let path = request.startArtifactPath {
      hasher.update(Array(try SHA256Digest.of(InputFile(path)).hex.utf8))
    }
    hasher.update(
      Array(
        """
        \(rank) \(request.directions) \(String(describing: request.candidates)) \(request.method) \
        \(request.storage) \(request.seed) \(String(describing: request.calibration)) \
        \(String(describing: request.tuning))
        """.utf8))
    return hasher.finalize().hex
  }

  func record(
    _ outcome: Outcome, artifact: AssembledArtifact, written: AtomicFile.Written,
    evaluation: EvaluationRecord?
  ) throws(Fault) -> JobRecord {
    let adapter = matched.adapter
    let base = session.base
    return JobRecord(
      name: request.name, state: .done,
      adapter: SourceRecord(
        name: adapter.name, path: adapter.path, format: adapter.format, bytes: adapter.byteCount,
        sha256: adapter.digest.hex,
        details: [
          Setting("rank", adapter.rank), Setting("parameters", adapter.parameterCount),
          Setting("base named by the adapter", adapter.baseModelName ?? "none"),
        ]),
      base: SourceRecord(
        name: Paths.name(of: base.path), path: base.path, format: base.format.rawValue,
        bytes: base.tensors.reduce(0) { $0 + $1.byteCount }, sha256: nil,
        details: [Setting("architecture", base.configuration.architecture)]),
      artifactPath: request.outputPath,
      settings: [
        Setting("rank", "\(outcome.projected.rank)"),
        Setting("directions", request.directions.rawValue),
        Setting("start", request.method.rawValue),
        Setting("stored as", request.storage.rawValue),
        Setting("calibration examples", request.calibration?.limit.map(String.init) ?? "none"),
      ],
      sizes: SizeRecord(
        asShipped: adapter.byteCount, f16Equivalent: adapter.parameterCount * 2,
        artifact: written.byteCount,
        parts: try artifact.parts().map { SizeRecord.Part(name: $0.name, bytes: $0.bytes) }),
      evaluation: evaluation, modules: moduleRecords(outcome, artifact),
      tuning: outcome.tuning, seeds: [Setting("seed", "\(request.seed)")], stages: stages,
      threads: session.threads, machine: MachineLine.current, createdBy: Product.createdBy,
      planDigest: outcome.planDigest,
      warnings: warnings + session.bases.warnings)
  }

  func moduleRecords(
    _ outcome: Outcome, _ artifact: AssembledArtifact
  ) -> [ModuleRecord] {
    outcome.projected.modules.indices.map { index in
      let module = outcome.projected.modules[index]
      let projection = outcome.projected.projections[index]
      return ModuleRecord(
        name: module.name, outFeatures: module.outFeatures, inFeatures: module.inFeatures,
        loraRank: matched.updates[index].rank, outputRank: projection.latent.rows,
        inputRank: projection.latent.columns, capturedEnergy: projection.heldEnergy,
        weightedCapturedEnergy: projection.weightedCapturedEnergy,
        bytes: artifact.latentByteCount(index))
    }
  }
}
