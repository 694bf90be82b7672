import Evaluation
import Faults
import Foundation
import LinearAlgebra
import Models
import Progress
import Projection
import Ranks
import Recipes
import Reports
import Sessions
import Tensors
import Training

/// Tunes projected latents on training data, with a learning-rate search and checkpoints.
struct TuningLoop {
  let session: BaseSession
  let request: JobRequest.Tuning
  let data: TuningData
  let checkpoint: TuningCheckpoint?
  let restarts: Bool
  /// How storage rounds latents, at a level of ``Coarsening``.
  let rounding: LatentTraining.Rounding
  /// What of each latent is trained; nil for all.
  var masks: [Matrix<Float>]?
  /// Whether the head for classes is trained too.
  var trainsHead = false
  /// What is trained in the place of latents; nil for those.
  var factors: FactorTraining?

  /// Tuned latents and the record of how they came about.
  struct Result {
    var latents: [Matrix<Float>]
    /// The codes of the residual's vectors, output then input ones of every module that has them; empty where they
    /// were not trained.
    var residual: [CodedColumns]
    /// The head's numbers, in the order of `ClassLayers.parameters`; nil where it was not trained.
    var head: [Matrix<Float>]?
    /// The numbers of factors that were trained in the place of latents; empty where none were.
    var factors: [Matrix<Float>]
    var validationLoss: Double
    var record: TuningRecord
  }

  /// Tunes from `projected`; `title` names the run in progress lines.
  func run(
    _ projected: ProjectedAdapter, coordinates: [ModuleCoordinates]?, title: String = "tune"
  ) throws(Fault) -> Result {
    let start = Date()
    var options = request.options
    if data.validation.isEmpty, request.searchesLearningRate || options.patience != nil {
      throw Fault(
        .usage, "JOB-VALIDATION",
        "a learning-rate search and early stopping need validation examples; there are none of "
          + "\(data.training.count)")
    }
    let residual = residual(projected, options)
    let latents = factors.map { $0 as any Trainable } ?? latents(projected, coordinates)
    // A search for a rate looks for that of the head too: its unit is of the rate that the search begins with.
    let head =
      trainsHead
      ? try session.weights().classes.map {
        HeadTraining($0, learningRate: options.learningRate)
      } : nil
    let beside: [(any Trainable)?] = [residual, head]
    let trainables = [latents] + beside.compactMap(\.self)
    let saved = try savedState(trainables)
    var trials = saved?.history.trials ?? []
    if request.searchesLearningRate && trials.isEmpty {
      trials = try LearningRateSearch.search(options) { (trial) throws(Fault) in
        let began = Date()
        let tuner = try makeTuner(projected, options: trial, trainables)
        do throws(Fault) {
          try run(tuner, title: "try learning rate \(rounded(trial.learningRate))", saves: false)
        } catch  where error.code == "NUM-DIVERGE" {
          return (.nan, Date().timeIntervalSince(began))
        }
        return (
          LearningRateSearch.loss(of: tuner.state.history), Date().timeIntervalSince(began)
        )
      }
    }
    if let best = LearningRateSearch.best(trials) {
      options.learningRate = trials[best].learningRate
    }
    let tuner = try makeTuner(projected, options: options, trainables)
    if let saved {
      tuner.resume(from: saved)
      session.log.note("continuing from step \(saved.step)")
    }
    tuner.keep(trials: trials)
    // A search is not begun again where the steps after it are interrupted.
    if saved == nil, !trials.isEmpty, session.ranks.isFirst { try checkpoint?.save(tuner.state) }
    try run(tuner, title: title, saves: true)
    return Result(
      latents: tuner.student.latents,
      residual: residual.flatMap { $0.codes(in: tuner.state) } ?? [],
      head: head?.best(in: tuner.state),
      factors: factors?.best(in: tuner.state) ?? [],
      validationLoss: tuner.state.history.bestLoss,
      record: record(
        tuner, moduleCount: projected.modules.count, seconds: Date().timeIntervalSince(start)))
  }

  /// The checkpoint of an earlier run of the same plan, if it can be used.
  private func savedState(_ trainables: [any Trainable]) throws(Fault) -> TuningState? {
    guard let checkpoint, !restarts else { return nil }
    let loaded = try checkpoint.load(matching: TuningState(trainables), for: session.ranks)
    session.log.warn(loaded.warnings)
    return loaded.state
  }

  /// The latents, in whitened coordinates where there are any.
  private func latents(
    _ projected: ProjectedAdapter, _ coordinates: [ModuleCoordinates]?
  ) -> any Trainable {
    let plain = LatentTraining(projected.latents, rounding: rounding, masks: masks)
    return coordinates.map { WhitenedTraining(plain, coordinates: $0) } ?? plain
  }

  /// The vectors of the residual, where there is one and it trains.
  private func residual(
    _ projected: ProjectedAdapter, _ options: TuningOptions
  ) -> ResidualTraining? {
    guard options.tunesResidual, projected.hasResidual else { return nil }
    return ResidualTraining(
      residuals: projected.residuals.map { $0.map { (output: $0.output, input: $0.input) } })
  }

  private func makeTuner(
    _ projected: ProjectedAdapter, options: TuningOptions, _ trainables: [any Trainable]
  ) throws(Fault) -> Tuner {
    let weights = try session.weights()
    try weights.hold(options.precision, threads: session.threads)
    let student = try StudentModel(
      weights: weights, modules: projected.modules, bases: projected.bases,
      latents: projected.latents, threads: session.threads, trainingPrecision: options.precision,
      recomputes: options.recomputes,
      trainsResidual: trainables.contains { $0.movesFactors },
      trainsHead: trainables.contains { $0 is HeadTraining })
    return Tuner(
      student: student, data: data, options: options, trainables: trainables)
  }

  private func run(_ tuner: Tuner, title: String, saves: Bool) throws(Fault) {
    let task = session.log.task(
      title, total: tuner.options.steps, unit: "steps", resumedAt: tuner.state.step)
    try tuner.run { state in
      let loss = state.history.trainLoss.last ?? 0
      let validation = state.history.bestLoss
      task.update(
        completed: state.step,
        detail: data.validation.isEmpty
          ? "loss \(rounded(loss))"
          : "loss \(rounded(loss)), best validation \(rounded(validation))")
    } checkpoint: { (state) throws(Fault) in
      if saves, session.ranks.isFirst { try checkpoint?.save(state) }
    }
    let kind = data.validation.isEmpty ? "training" : "validation"
    task.finish(detail: "\(kind) loss \(rounded(tuner.state.history.bestLoss))")
  }

  private func rounded(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    return String(format: "%.4g", value)
  }

  /// What is said of a run.
  static func settings(
    _ options: TuningOptions, training: Int, validation: Int, scales: String?
  ) -> [Setting] {
    [
      Setting("objective", options.objective.rawValue),
      Setting("coordinates", options.coordinates.rawValue),
      Setting("learning rate", String(format: "%.4g", options.learningRate)),
      Setting("batch size", options.batchSize), Setting("warm-up steps", options.warmup),
      Setting("schedule", "linear to zero"), Setting("precision", options.precision.rawValue),
      Setting("residual", options.tunesResidual ? "vectors trained" : "latents only"),
      Setting("last steps on rounded latents", options.quantizedSteps),
      Setting("training examples", training),
      Setting("validation examples", validation),
      Setting("seed", "\(options.seed)"),
    ] + [scales.map { Setting("scales of rounded steps", $0) }].compactMap(\.self)
  }

  /// What an artifact will say of a run on `data`, as long as it will be.
  static func standIn(_ options: TuningOptions, _ data: TuningData) -> TuningRecord {
    TuningRecord(
      settings: settings(
        options, training: data.training.count, validation: data.validation.count,
        scales: options.quantizedSteps > 0
          ? "10 eighths of an octave coarser than the best, for the budget" : nil),
      steps: options.steps, bestStep: options.steps, trainLoss: [], seconds: 0)
  }

  private func record(_ tuner: Tuner, moduleCount: Int, seconds: Double) -> TuningRecord {
    let (options, history) = (tuner.options, tuner.state.history)
    let best = LearningRateSearch.best(history.trials)
    return TuningRecord(
      settings: TuningLoop.settings(
        options, training: data.training.count, validation: data.validation.count,
        scales: history.roundingLevel.map {
          Coarsening(level: $0, moduleCount: moduleCount).description
        }),
      steps: tuner.state.step, bestStep: history.bestStep,
      trainLoss: history.trainLoss.enumerated().map {
        TuningRecord.Point(step: $0 + 1, loss: $1)
      },
      validationLoss: history.validationLoss.map {
        TuningRecord.Point(step: $0.step, loss: $0.loss)
      },
      trials: history.trials.enumerated().map { index, trial in
        TuningRecord.Trial(
          settings: [Setting("learning rate", rounded(trial.learningRate))], steps: trial.steps,
          validationLoss: trial.validationLoss, seconds: trial.seconds, isChosen: index == best)
      }, seconds: seconds)
  }
}
