import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Models
import Projection
import Reports
import Tensors
import Training

/// The accuracy block: every variant and control on the same examples.
extension JobRunner {
  func measure(
    _ data: JobRequest.Data, _ outcome: Outcome, _ projection: ProjectionStage,
    _ tuningData: TuningData?, stored: AssembledArtifact
  ) throws(Fault) -> EvaluationRecord {
    let weights = try session.weights()
    let measurement = try MeasurementStage(session: session, request: data, seed: request.seed)
    let name = matched.adapter.name
    try measurement.measure(
      .lora, name: name, source: request.adapterPath, bytes: matched.adapter.byteCount,
      pool: try teacher())
    try measurement.measure(
      .base, name: "base", source: request.basePath,
      pool: DecoderPool(weights: try session.unchanged.weights(), threads: session.threads))
    func student(_ projected: ProjectedAdapter, _ latents: [Matrix<Float>]) -> DecoderPool {
      StudentModel(
        weights: weights, modules: projected.modules, bases: projected.bases, latents: latents,
        threads: session.threads
      ).pool
    }
    try measurement.measure(
      .start, name: "start (\(request.method.rawValue))",
      pool: student(outcome.projected, outcome.projected.latents))
    if outcome.tuning != nil {
      try measurement.measure(
        .tuned, name: "tuned", pool: student(outcome.projected, outcome.latents))
    }
    // What a user will load: decoded from the encoded bytes, bases regenerated and proved.
    let bytes = try stored.artifact.bytes()
    let loaded = try ArtifactLoader(session: session).load(try Artifact(bytes: bytes))
    try measurement.measure(
      .stored, name: "as stored (\(request.storage.rawValue))", source: request.outputPath,
      bytes: bytes.count, pool: try loaded.student(session: session).pool)
    for control in request.controls {
      for variant in try controls(control, outcome, projection, tuningData, bytes: bytes.count) {
        try measurement.measure(
          .control, name: variant.name, bytes: variant.bytes, pool: variant.pool)
      }
    }
    return measurement.record()
  }

  func controls(
    _ control: JobRequest.Control, _ outcome: Outcome, _ projection: ProjectionStage,
    _ data: TuningData?, bytes: Int
  ) throws(Fault) -> [ControlVariant] {
    let rank =
      request.directions == .top
      ? outcome.projected.rank : LatentRank(unlistedRank(outcome.projected.rank))
    switch control {
    case .truncated:
      return try TruncatedControl(matched: matched, session: session).variants(bytes: bytes)
    case .top:
      return [
        try tunedControl("top directions", projection, data) { (stage) throws(Fault) in
          try stage.run(rank: rank, choice: .top, method: self.request.method)
        }
      ]
    case .random:
      return [
        try tunedControl("random bases", projection, data) { (stage) throws(Fault) in
          try stage.run(rank: rank, choice: .random, method: self.request.method)
        }
      ]
    case .zero:
      let zero = ProjectedAdapter(
        modules: outcome.projected.modules, bases: outcome.projected.bases,
        projections: outcome.projected.projections.map { $0.zeroed })
      return [try tunedControl("zero start", projection, data) { (_) throws(Fault) in zero }]
    }
  }

  /// The square rank of top or random directions at the bytes of `rank` chosen ones: these list no indices, and
  /// what those cost, about two numbers of INT8 each with their singular values, goes into latents.
  func unlistedRank(_ rank: LatentRank) -> Int {
    let count = rank.output * rank.input + 2 * (rank.output + rank.input)
    return LatentRank(output: count, input: 1).square
  }

  /// A control that differs in directions or start and is tuned exactly as the job is.
  func tunedControl(
    _ name: String, _ projection: ProjectionStage, _ data: TuningData?,
    start: (ProjectionStage) throws(Fault) -> ProjectedAdapter
  ) throws(Fault) -> ControlVariant {
    let projected = try start(projection)
    var latents = projected.latents
    if let tuning = request.tuning, let data {
      latents =
        try tune(
          projection, projected, tuning, data, checkpoint: nil, title: "tune control: \(name)"
        ).latents
    }
    let storage = request.storage
    let rounded = try latents.map { (latent) throws(Fault) in
      try StoredLatent(latent, storage: storage).matrix
    }
    return ControlVariant(
      name: name,
      bytes: try assemble(Outcome(projected: projected, latents: latents)).encodedByteCount(),
      pool: StudentModel(
        weights: try session.weights(), modules: projected.modules, bases: projected.bases,
        latents: rounded, threads: session.threads
      ).pool)
  }
}
