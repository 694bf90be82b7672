import Artifacts
import Bases
import Checkpoints
import Faults
import Progress
import Projection
import Recipes
import Reports
import Tensors
import Training

/// Fills a number of bytes: with directions of the base, pairs of the adapter, or both.
struct Filling {
  let job: JobContext
  /// How latents are stored.
  let storage: LatentStorage
  /// What the artifact will say of its tuning, as long as it will be; nil where nothing tunes.
  let tuning: TuningRecord?

  /// Rounds in which an artifact is made larger or smaller by what it turned out to take.
  static let rounds = 8

  /// How many times farther from the LoRA model a start of pairs may be than another one before it is given up.
  private static let hopeless = 2.0

  /// Filling for a job that is tuned on `data`; nil for one that is not.
  init(job: JobContext, data: TuningData?, storage: LatentStorage) {
    self.job = job
    self.storage = storage
    tuning = data.flatMap { data in
      job.request.tuning.map { TuningLoop.standIn($0.options, data) }
    }
  }

  var assembler: Assembler { job.assembler(storage) }
  /// How finely pairs are stored at most.
  private var bits: JobRequest.Residual.Bits? { job.request.residual?.bits }

  /// What makes directions fill bytes, where there are pairs that take half of them.
  ///
  /// Codes take half of the bytes; latents of the pairs and their places come from the other half.
  func halfPairs(within bytes: Int, _ projector: Projector) throws(Fault) -> Projector {
    var projector = projector
    let chooser = try PairChooser(projector)
    projector.residuals = try chooser.residuals(
      chooser.plan(JobRequest.Residual(size: .bytes(bytes / 2), bits: bits)))
    return projector
  }

  // MARK: - Pairs of the adapter

  /// As many pairs as `bytes` hold, chosen by curvature and by plain energy, each scaled; only one of them where the other is
  /// left far behind, or the same.
  ///
  /// Curvature is of small errors. Few bytes make large ones, and then plain energy may serve better: which of two that
  /// start alike is to be trained cannot be told from their starts.
  func pairStarts(
    within bytes: Int, _ projector: Projector, _ rows: TuningData?
  ) throws(Fault) -> [Start] {
    guard var own = try pairs(within: bytes, projector) else { return [] }
    own.pairChoice = projector.curvature == nil ? .energy : .curvature
    own = try job.scaled(own, rows)
    guard projector.curvature != nil, let ownLoss = own.scale?.loss else { return [own] }
    var unweighed = projector
    unweighed.curvature = nil
    guard let plain = try pairs(within: bytes, unweighed, method: .projected),
      plain.projector.residuals != own.projector.residuals
    else { return [own] }
    var (start, weighing) = (plain, projector)
    // What follows weighs errors as the job does.
    weighing.residuals = plain.projector.residuals
    start.projector = weighing
    start.pairChoice = .energy
    let other = try job.scaled(start, rows)
    guard let otherLoss = other.scale?.loss else { return [own] }
    if otherLoss > Filling.hopeless * ownLoss { return [own] }
    if ownLoss > Filling.hopeless * otherLoss { return [other] }
    return [own, other]
  }

  /// The nearer of ``pairStarts(within:_:_:)``.
  func nearestPairs(
    within bytes: Int, _ projector: Projector, _ rows: TuningData?
  ) throws(Fault) -> Start? {
    try pairStarts(within: bytes, projector, rows).min {
      ($0.scale?.loss ?? .infinity) < ($1.scale?.loss ?? .infinity)
    }
  }

  /// As many pairs, and as finely, as `bytes` hold.
  ///
  /// - Parameter method: How latents between the pairs are set.
  func pairs(
    within bytes: Int, _ projector: Projector, method: ProjectionMethod? = nil
  ) throws(Fault) -> Start? {
    var projector = projector
    let chooser = try PairChooser(projector)
    // Latents of the pairs, and metadata, take a fifth or more.
    var search = SizeSearch(limit: bytes, first: 0.8 * Double(bytes))
    var best: Start?
    var last: (plan: PairPlan?, size: Int?) = (nil, nil)
    for _ in 0..<Filling.rounds {
      let plan = chooser.plan(JobRequest.Residual(size: .bytes(Int(search.next)), bits: bits))
      let isEmpty = plan.largestCodes.allSatisfy(\.isEmpty)
      if plan != last.plan, !isEmpty {
        projector.residuals = try chooser.residuals(plan)
        let projected = try job.projected(projector, .uniform(0), method: method)
        let size = try assembler.fit(projected, projected.latents, tuning: tuning).made(0).artifact
          .encodedByteCount()
        last = (plan, size)
        if size <= bytes, size > best?.bytes ?? 0 {
          best = Start(
            form: .pairs, storage: storage, projector: projector, plan: .uniform(0),
            projected: projected, bytes: size)
        }
      } else if !isEmpty, let size = last.size, size <= bytes {
        // All there is, as finely as it is stored.
        break
      }
      guard search.found(isEmpty ? nil : last.size) else { break }
    }
    return best
  }
}
