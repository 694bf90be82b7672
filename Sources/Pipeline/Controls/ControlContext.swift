import Adapters
import Artifacts
import Bases
import Evaluation
import Faults
import Files
import Models
import Progress
import Projection
import Recipes
import Reports
import Sessions
import Tensors
import Training

/// What controls share: the job, its result, and how each of them is tuned, stored and measured.
struct ControlContext {
  let job: JobContext
  let result: TunedAdapter
  let data: TuningData?
  /// Bytes of the result as it will be written.
  let bytes: Int
  /// How much of its figures these have room for.
  let figures: AccuracyStandIn.Extent

  var session: BaseSession { job.session }
  var source: JobSource { job.source }
  var isTuned: Bool { job.request.tuning != nil && data != nil }
  /// How the result's latents are stored.
  var storage: LatentStorage { result.start.storage }
  /// What chose the result's directions, with its pairs.
  var projector: Projector { result.start.projector }

  /// The same without pairs of the adapter.
  var plainProjector: Projector {
    var projector = projector
    projector.residuals = []
    return projector
  }

  /// Fills the result's bytes as the job would.
  var filling: Filling { Filling(job: job, data: data, storage: storage) }

  // MARK: - Tuning

  /// `projected`, scaled and tuned as the result is, from a checkpoint of its own.
  ///
  /// - Parameters:
  ///   - isScaled: Whether its scale was looked for already.
  ///   - change: What is different for this control.
  func tuned(
    _ projected: ProjectedAdapter, _ projector: Projector, name: String, isScaled: Bool = false,
    storage: LatentStorage? = nil, change: (inout TuningRun) -> Void = { _ in }
  ) throws(Fault) -> TunedControl {
    let projected =
      isScaled ? projected : try job.scaled(projected, projector, data).projected
    guard let tuning = job.request.tuning, let data else {
      return TunedControl(projected: projected, latents: projected.latents)
    }
    // Letters and digits: a name is part of that of a file.
    let key = name.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
    let digest = SHA256Digest.of(
      Array("\(result.planDigest) control \(name) \(bytes) \(projected.rank)".utf8)
    ).hex
    var run = TuningRun(projected, projector, storage: storage ?? self.storage, tuning)
    run.title = "tune control: \(name)"
    run.checkpoint = job.checkpoint(suffix: ".\(key)", planDigest: digest)
    run.options.tunesResidual = projected.hasResidual
    change(&run)
    let result = try run.run(on: data, in: job)
    return TunedControl(
      projected: try projected.replacingResiduals(result.residual), latents: result.latents,
      factors: result.factors, head: result.head.flatMap { source.newHead?.parts($0) })
  }

  /// The model on which a control's numbers stand: with the head that was trained beside them.
  func session(of tuned: TunedControl) -> BaseSession {
    tuned.head.map { session.changed(by: $0) } ?? session
  }

  // MARK: - Sizes

  /// What the file of a tuned control says of its tuning: as much as the result's.
  var tuning: TuningRecord? { isTuned ? result.tuning : nil }

  /// The variant of latents in the job's storage, as fine as the bytes allow.
  ///
  /// - Parameter tuning: What its file says of its tuning.
  func variant(
    _ name: String, _ tuned: TunedControl, tuning: TuningRecord?
  ) throws(Fault) -> ControlVariant {
    let (projected, latents) = (tuned.projected, tuned.latents)
    var assembler = job.assembler(storage)
    assembler.parts = tuned.head
    let fit = assembler.fit(projected, latents, tuning: tuning, figures: figures)
    let level = try fit.level(within: bytes)
    let made = try fit.made(level)
    let hasCodes = projected.bases.contains { $0.selection.outputRank > 0 }
    return ControlVariant(
      name: name, bytes: try made.artifact.encodedByteCount(),
      pool: try made.projected.student(
        session(of: tuned), latents: latents, storage: storage,
        coarsening: hasCodes
          ? Coarsening(level: level, moduleCount: projected.modules.count) : .none
      ).pool)
  }

  // MARK: - Choices

  /// The candidate of lowest NLL on the rows that choose the result's step; the first without such rows.
  ///
  /// Labels, not the LoRA, are what chooses: the judge is NLL too, so nothing is better for a control.
  func best<Candidate>(
    _ candidates: [Candidate], _ pool: (Candidate) throws(Fault) -> DecoderPool
  ) throws(Fault) -> Candidate {
    guard let rows = data?.validation, !rows.isEmpty, candidates.count > 1 else {
      return candidates[0]
    }
    let evaluator = Evaluator(plan: EvaluationPlan(examples: rows), ranks: session.ranks)
    var best = (index: 0, loss: Double.infinity)
    for (index, candidate) in candidates.enumerated() {
      let loss = try evaluator.evaluate(try pool(candidate)).scores.negativeLogLikelihood
      if loss < best.loss { best = (index, loss) }
    }
    return candidates[best.index]
  }

  /// Multiples of the least-squares scale that are tried.
  static let multiples = [1.0, 0.75, 1.25, 1.5, 2, 3, 5]
}

/// A control after tuning, or as it starts where nothing tunes it.
struct TunedControl {
  let projected: ProjectedAdapter
  let latents: [Matrix<Float>]
  /// The numbers that were trained in the place of latents; empty where none were.
  var factors: [Matrix<Float>] = []
  /// The head that was trained beside it; nil where none was.
  var head: [AdapterPart]?
}
