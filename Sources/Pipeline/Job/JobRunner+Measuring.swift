import Adapters
import Artifacts
import Bases
import Checkpoints
import Evaluation
import Faults
import Models
import Projection
import Recipes
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
      pool: student(
        outcome.start ?? outcome.projected, (outcome.start ?? outcome.projected).latents))
    if outcome.tuning != nil {
      try measurement.measure(
        .tuned, name: "tuned", pool: student(outcome.projected, outcome.latents))
    }
    let size = try stored.encodedByteCount()
    let loaded = try stored.loaded(session)
    try measurement.measure(
      .stored, name: "as stored (\(storageName(outcome.projected)))", source: request.outputPath,
      bytes: size, pool: try loaded.student(session: session).pool)
    for control in request.controls {
      for variant in try controls(control, outcome, projection, tuningData, bytes: size) {
        try measurement.measure(
          .control, name: variant.name, bytes: variant.bytes, pool: variant.pool)
      }
    }
    return measurement.record()
  }

  /// How the artifact is stored, for people: a residual is named.
  private func storageName(_ projected: ProjectedAdapter) -> String {
    request.storage.rawValue + (projected.hasResidual ? " + residual" : "")
  }

  func controls(
    _ control: JobRequest.Control, _ outcome: Outcome, _ projection: ProjectionStage,
    _ data: TuningData?, bytes: Int
  ) throws(Fault) -> [ControlVariant] {
    let rank =
      request.directions == .top ? outcome.projected.rank : unlistedRank(outcome.projected)
    switch control {
    case .truncated:
      return try TruncatedControl(matched: matched, session: session).variants(bytes: bytes)
    case .ternary:
      return [
        try TernaryControl(
          matched: matched, session: session, validation: data?.validation ?? []
        ).variant(bytes: bytes)
      ]
    case .top:
      return [
        try tunedControl("top directions", projection, data) { (stage) throws(Fault) in
          try stage.run(plan: .uniform(rank), choice: .top, method: self.request.method)
        }
      ]
    case .random:
      return [
        try tunedControl("random bases", projection, data) { (stage) throws(Fault) in
          try stage.run(plan: .uniform(rank), choice: .random, method: self.request.method)
        }
      ]
    case .zero:
      let zero = ProjectedAdapter(
        modules: outcome.projected.modules, bases: outcome.projected.bases,
        projections: outcome.projected.projections.map { $0.zeroed },
        residuals: outcome.projected.residuals)
      return [try tunedControl("zero start", projection, data) { (_) throws(Fault) in zero }]
    }
  }

  /// The square rank of top or random directions at the bytes of chosen ones: these list no indices, and what those
  /// cost goes into latents.
  ///
  /// Rounded up: the control is given the benefit.
  func unlistedRank(_ projected: ProjectedAdapter) -> LatentRank {
    let model = ByteModel(storage: request.storage)
    var bytes = 0.0
    for (module, basis) in zip(projected.modules, projected.bases) {
      bytes += model.bytes(
        of: LatentRank(output: basis.selection.outputRank, input: basis.selection.inputRank),
        outFeatures: module.outFeatures, inFeatures: module.inFeatures)
    }
    let share = bytes / Double(matched.modules.count)
    var rank = LatentRank(1)
    while model.unlistedBytes(of: rank) < share {
      rank = LatentRank(rank.output + 1)
    }
    return rank
  }

  /// A control that differs in directions or start and is tuned exactly as the job is.
  func tunedControl(
    _ name: String, _ projection: ProjectionStage, _ data: TuningData?,
    start: (ProjectionStage) throws(Fault) -> ProjectedAdapter
  ) throws(Fault) -> ControlVariant {
    var projected = try start(projection)
    var latents = projected.latents
    if let tuning = request.tuning, let data {
      let result = try tune(
        projection, projected, tuning, data, checkpoint: nil, title: "tune control: \(name)")
      latents = result.latents
      projected = projected.replacingResiduals(result.residual)
    }
    let rounding = LatentRounding(storage: request.storage)
    let rounded = try latents.indices.map { (index) throws(Fault) in
      try rounding.roundTrip(latents[index], residual: projected.residuals[index])
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
