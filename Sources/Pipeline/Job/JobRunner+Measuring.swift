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
    _ data: JobRequest.Data, _ outcome: Outcome, _ tuningData: TuningData?,
    stored: AssembledArtifact
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
    let context = ControlContext(
      runner: self, outcome: outcome, data: tuningData, bytes: try sizeWithFigures(stored))
    for control in request.controls {
      for variant in try control.implementation.variants(context) {
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

  /// Bytes of the artifact when the figures are in it.
  private func sizeWithFigures(_ stored: AssembledArtifact) throws(Fault) -> Int {
    var artifact = stored
    standIn(&artifact)
    return try artifact.encodedByteCount()
  }
}
