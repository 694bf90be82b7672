import Artifacts
import Bases
import Checkpoints
import Faults
import Models
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import Training

/// One run of the tuner within a job: the result's own, a control's, or a start's in a race.
struct TuningRun {
  let projected: ProjectedAdapter
  let projector: Projector
  /// How its latents are stored.
  let storage: LatentStorage
  let request: JobRequest.Tuning
  var options: TuningOptions
  /// In progress lines.
  var title = "tune"
  var checkpoint: TuningCheckpoint?
  /// Trains the diagonals of latents and nothing beside them.
  var keepsDiagonal = false
  /// What is trained in the place of latents, and the rate about which its own is looked for; nil for latents.
  var factors: (training: FactorTraining, rate: Double)?
  /// What its artifact may have, where steps on rounded latents can make for it.
  var bytes: Int?

  init(
    _ projected: ProjectedAdapter, _ projector: Projector, storage: LatentStorage,
    _ request: JobRequest.Tuning
  ) {
    self.projected = projected
    self.projector = projector
    self.storage = storage
    self.request = request
    options = request.options
  }

  init(_ start: Start, _ request: JobRequest.Tuning) {
    self.init(start.projected, start.projector, storage: start.storage, request)
  }

  /// A schedule of so few steps that it only compares: one validation at its end, and pairs are trained.
  mutating func shorten(to steps: Int) {
    options.tunesResidual = projected.hasResidual
    options.steps = steps
    options.warmup = min(options.warmup, steps / 4)
    options.quantizedSteps = storage.quantizedSteps(of: steps)
    options.validationInterval = steps
    options.patience = nil
  }

  /// The request with the rate that suits what is tuned, where none was given.
  private func settled(on data: TuningData) -> JobRequest.Tuning {
    var tuning = request
    tuning.options = options
    tuning.options.nearStart = nil
    if let factors {
      // A rate that suits latents says nothing about theirs.
      tuning.options.learningRate = factors.rate
      tuning.searchesLearningRate = !data.validation.isEmpty
    } else if let given = tuning.learningRate {
      tuning.options.learningRate = given
    } else if startsFromNothing {
      tuning.options.setRateFromNothing(
        rank: projected.rank.output,
        ofClasses: projector.session.configuration.classHead != nil)
    } else {
      tuning.options.setStandardRate(
        outputDirections: projected.rank.output,
        besideResidual: projected.hasResidual || keepsDiagonal,
        knowsStart: !data.validation.isEmpty && options.objective == .kd
          && !tuning.searchesLearningRate)
    }
    return tuning
  }

  /// Whether there is no adapter, and the base's first directions are taken as they are.
  private var startsFromNothing: Bool {
    guard projector.source.matched == nil, case .top = projected.bases.first?.selection else {
      return false
    }
    return true
  }

  /// Tunes on `data`, from a checkpoint where there is one.
  func run(on data: TuningData, in job: JobContext) throws(Fault) -> TuningLoop.Result {
    let tuning = settled(on: data)
    var loop = TuningLoop(
      session: job.session, request: tuning, data: data, checkpoint: checkpoint,
      restarts: job.request.restarts,
      rounding: rounding(job, TuningLoop.standIn(tuning.options, data)))
    loop.trainsHead = job.source.newHead != nil
    loop.factors = factors?.training
    if keepsDiagonal { loop.masks = projected.latents.map(\.diagonalMask) }
    return try loop.run(
      projected,
      coordinates: tuning.options.coordinates == .whitened
        ? try projector.coordinates(projected) : nil, title: title)
  }
}

extension TuningRun {
  /// How storage rounds; where the artifact has a size, so coarsely that it fits, with `standIn` for what is not known yet.
  private func rounding(
    _ job: JobContext, _ standIn: TuningRecord
  ) -> LatentTraining.Rounding {
    let (projected, storage) = (self.projected, self.storage)
    var settle: (([Matrix<Float>]) throws(Fault) -> Int)?
    if let bytes, storage.isQuantised {
      let assembler = job.assembler(storage)
      settle = { (latents) throws(Fault) in
        try assembler.fit(projected, latents, tuning: standIn).startingLevel(within: bytes)
      }
    }
    return LatentTraining.Rounding(settle: settle) { (index, latent, level) throws(Fault) in
      try LatentRounding(
        storage: storage,
        coarsening: Coarsening(level: level, moduleCount: projected.modules.count)
      ).roundTrip(index, latent, residual: projected.residuals[index])
    }
  }
}

extension Matrix where Scalar == Float {
  /// Ones on the diagonal of a matrix of the same shape.
  fileprivate var diagonalMask: Matrix<Float> {
    var mask = Matrix<Float>(rows: rows, columns: columns)
    for place in 0..<min(rows, columns) { mask[place, place] = 1 }
    return mask
  }
}
