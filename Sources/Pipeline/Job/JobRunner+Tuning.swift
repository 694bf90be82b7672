import Adapters
import Artifacts
import Bases
import Faults
import Models
import Progress
import Projection
import Recipes
import Reports
import Tensors
import Training

extension JobRunner {
  /// One run of the tuner within a job: the result's own, a control's, or a candidate's in a race.
  struct TuningRun {
    let projected: ProjectedAdapter
    let request: JobRequest.Tuning
    var options: TuningOptions
    /// How its latents are stored.
    let storage: LatentStorage
    /// In progress lines.
    var title = "tune"
    var checkpoint: TuningCheckpoint?
    /// Trains the diagonals of latents and nothing beside them.
    var keepsDiagonal = false
    /// What its artifact may have, where steps on rounded latents can make for it.
    var bytes: Int?

    init(_ projected: ProjectedAdapter, _ request: JobRequest.Tuning, storage: LatentStorage) {
      self.projected = projected
      self.request = request
      self.storage = storage
      options = request.options
    }
  }

  func tune(
    _ run: TuningRun, _ projection: ProjectionStage, _ data: TuningData
  ) throws(Fault) -> TuningStage.Result {
    let projected = run.projected
    var tuning = run.request
    tuning.options = run.options
    let isNear = projected.hasResidual || run.keepsDiagonal
    tuning.options.learningRate =
      tuning.learningRate
      ?? TuningOptions.learningRate(
        outputDirections: projected.rank.output, besideResidual: isNear)
    let isSettled =
      tuning.learningRate != nil || tuning.searchesLearningRate || isNear
      || tuning.options.objective == .ce
    tuning.options.fullRateLoss = isSettled ? nil : TuningOptions.standardFullRateLoss
    var stage = TuningStage(
      session: session, request: tuning, data: data, checkpoint: run.checkpoint,
      restarts: request.restarts,
      roundTrip: { (index, latent, level) throws(Fault) in
        try LatentRounding(
          storage: run.storage,
          coarsening: Coarsening(level: level, moduleCount: projected.modules.count)
        ).roundTrip(index, latent, residual: projected.residuals[index])
      })
    if let bytes = run.bytes, run.storage.isQuantised {
      let standIn = tuningStandIn(tuning.options, data)
      stage.settleRounding = { (latents) throws(Fault) in
        try self.fit(projected, latents, standIn).level(within: bytes)
      }
    }
    if run.keepsDiagonal {
      stage.masks = projected.latents.map { latent in
        var mask = Matrix<Float>(rows: latent.rows, columns: latent.columns)
        for place in 0..<min(mask.rows, mask.columns) { mask[place, place] = 1 }
        return mask
      }
    }
    return try stage.run(
      projected,
      coordinates: tuning.options.coordinates == .whitened
        ? try projection.coordinates(projected) : nil, title: run.title)
  }

  // MARK: - Sizes

  /// What an artifact will say of its tuning, as long as it will be.
  func tuningStandIn(_ options: TuningOptions, _ data: TuningData) -> TuningRecord {
    TuningRecord(
      settings: TuningStage.settings(
        options, training: data.training.count, validation: data.validation.count,
        scales: options.quantizedSteps > 0
          ? "10 eighths of an octave coarser than the best, for the budget" : nil),
      steps: options.steps, bestStep: options.steps, trainLoss: [], seconds: 0)
  }

  /// Fits artifacts of `latents` to bytes, with stand-ins for what is not known before the end.
  func fit(
    _ projected: ProjectedAdapter, _ latents: [Matrix<Float>], _ tuning: TuningRecord?
  ) -> ArtifactFit {
    ArtifactFit(
      projected: projected, latents: latents, storage: request.storage,
      assemble: { (projected, latents, coarsening) throws(Fault) in
        var artifact = try self.assemble(
          projected, latents, tuning: tuning, coarsening: coarsening)
        self.standIn(&artifact)
        return artifact
      })
  }

  func assemble(
    _ projected: ProjectedAdapter, _ latents: [Matrix<Float>], tuning: TuningRecord? = nil,
    coarsening: Coarsening = .none
  ) throws(Fault) -> AssembledArtifact {
    try artifactStage.assemble(
      projected, latents: latents, tuning: tuning, coarsening: coarsening)
  }

  var artifactStage: ArtifactStage {
    ArtifactStage(session: session, request: request, matched: matched)
  }

  /// Puts figures into an artifact where the job's own will be.
  func standIn(_ artifact: inout AssembledArtifact) {
    if let data = request.evaluation {
      var variants: [(kind: VariantResult.Kind, name: String)] = [
        (.base, "base"), (.lora, matched.adapter.name),
        (.start, "start (\(request.method.rawValue))"),
        (.stored, "as stored (\(request.storage.rawValue) + residual)"),
      ]
      if request.tuning != nil { variants.append((.tuned, "tuned")) }
      for control in request.controls {
        variants += control.implementation.names(isTuned: request.tuning != nil).map {
          (.control, $0)
        }
      }
      artifact.standIn(
        AccuracyStandIn.block(variants, path: data.path, seed: request.seed))
    }
    if let share = request.target.minRetained, gate == nil {
      artifact.note(
        GateRecord(
          asked: share, retained: 0.987654, interval95: 0.912345...1.023456, rows: 256,
          size: "rank 100x10", tried: 4))
    }
  }
}
