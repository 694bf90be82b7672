import Adapters
import Artifacts
import Bases
import Checkpoints
import Faults
import Models
import Progress
import Projection
import Recipes
import Reports
import Tensors
import Training

/// How a byte budget becomes ranks and pairs.
extension JobRunner {
  /// A way to spend a budget, ready to be tuned.
  struct Candidate {
    let form: JobRequest.Form
    /// What chose its directions, with the pairs beside them.
    let projection: ProjectionStage
    let plan: RankPlan
    let projected: ProjectedAdapter
    /// Bytes of its artifact as it starts.
    let bytes: Int

    /// For people.
    var size: String { projected.hasResidual ? projected.form : plan.summary }
  }

  /// The best artifact of at most `bytes`: of the form that was asked for, or of the one that a short race finds.
  func best(
    within bytes: Int, _ projection: ProjectionStage, _ data: TuningData?
  ) throws(Fault) -> Outcome {
    var candidates: [Candidate] = []
    let decided = try decidedForm(bytes)
    for form in decided.map({ [$0] }) ?? forms {
      if let candidate = try candidate(form, within: bytes, projection, data) {
        candidates.append(candidate)
      }
    }
    guard let first = candidates.first else { throw noRankFits(bytes) }
    let winner = candidates.count > 1 ? try winner(candidates, data, within: bytes) : first
    return try finish(
      winner.projected, winner.projection, data, plan: winner.plan, within: bytes)
  }

  /// The forms that come into question.
  ///
  /// Both together cost a second search for directions and have not won anything (`golden/recovery/NOTES.md`): they are
  /// for those who ask.
  private var forms: [JobRequest.Form] {
    if let form = request.form { return [form] }
    return request.residual == nil && request.directions == .selected
      ? [.directions, .pairs] : [.directions]
  }

  /// An artifact of `form`; nil where not even its smallest fits.
  func candidate(
    _ form: JobRequest.Form, within bytes: Int, _ projection: ProjectionStage, _ data: TuningData?
  ) throws(Fault) -> Candidate? {
    switch form {
    case .directions: return try directions(form, within: bytes, projection, data)
    case .pairs: return try pairs(within: bytes, projection, data)
    case .both:
      var projection = projection
      let stage = try ResidualStage(projection)
      // Codes take half of the bytes; latents of the pairs and their places come from the other half.
      projection.residuals = try stage.residuals(
        stage.plan(JobRequest.Residual(size: .bytes(bytes / 2), bits: bits)))
      return try directions(form, within: bytes, projection, data)
    }
  }

  private var bits: JobRequest.Residual.Bits? { request.residual?.bits }

  // MARK: - Directions of the base

  /// Rounds in which an artifact is made larger or smaller by what it turned out to take.
  private static let fillingRounds = 8

  private func directions(
    _ form: JobRequest.Form, within bytes: Int, _ projection: ProjectionStage,
    _ data: TuningData?
  ) throws(Fault) -> Candidate? {
    let plans = try plans(projection)
    // Tuning makes numbers compress less, and rounding makes for that: a start may fall short by a little.
    var search = SizeSearch(
      limit: bytes, first: Double(bytes), enough: data == nil ? 0.995 : 0.985)
    var best: Candidate?
    var last: (plan: RankPlan?, size: Int?) = (nil, nil)
    for _ in 0..<JobRunner.fillingRounds {
      let plan = try plan(projection, plans, data, within: Int(search.next))
      if let plan, plan != last.plan {
        let projected = try start(projection, plan)
        let size = try fit(projected, try untuned(projected, projection), standIn(data))
          .made(0).artifact.encodedByteCount()
        last = (plan, size)
        let candidate = Candidate(
          form: form, projection: projection, plan: plan, projected: projected, bytes: size)
        // What tuning changes rounding makes up for, and for a little too much at the start with it.
        if data != nil, request.storage.isQuantised,
          (0.985...1.12).contains(Double(size) / Double(bytes))
        {
          return candidate
        }
        if best == nil || (size <= bytes && size > (best?.bytes ?? 0)) || (best?.bytes ?? 0) > bytes
        {
          best = candidate
        }
      } else if plan != nil, let size = last.size, size <= bytes {
        // Larger than all there is.
        break
      }
      guard search.found(plan == nil ? nil : last.size) else { break }
    }
    // Scales make up for so much and not for more.
    return best.flatMap { Double($0.bytes) <= 1.12 * Double(bytes) ? $0 : nil }
  }

  private func standIn(_ data: TuningData?) -> TuningRecord? {
    data.flatMap { data in request.tuning.map { tuningStandIn($0.options, data) } }
  }

  /// Ranks for any budget: from the bytes that the model of sizes counts to a plan.
  func plans(_ projection: ProjectionStage) throws(Fault) -> (Double) -> RankPlan {
    if choice == .top { return topPlan }
    return try BudgetPlanner(projection, storage: request.storage).plans(request.allocation)
  }

  /// The ranks whose artifact will fit `bytes`; nil where none does.
  ///
  /// The model of sizes is corrected by drafts of the artifact until one fills the budget to a five-hundredth. Tuned
  /// numbers that are not codes cannot be made coarser afterwards: for those a hundredth stays free.
  func plan(
    _ projection: ProjectionStage, _ plans: (Double) -> RankPlan, _ data: TuningData?,
    within bytes: Int
  ) throws(Fault) -> RankPlan? {
    let stage = artifactStage
    let isFree = data == nil || request.storage.isQuantised
    let available = isFree ? bytes : bytes - max(bytes / 100, 32)
    var search = SizeSearch(limit: available, first: Double(available), enough: 0.998)
    var best: RankPlan?
    var (largest, last): (Int, RankPlan?) = (0, nil)
    for _ in 0..<10 {
      let plan = plans(search.next)
      // All there is does not grow.
      if plan == last, plan == best { break }
      last = plan
      let draft = try stage.draft(
        plan, directions: choice == .top ? .top : .selected, residuals: projection.residuals,
        tuning: standIn(data))
      let size = try draft.map { (draft) throws(Fault) in
        var draft = draft
        standIn(&draft)
        return try draft.encodedByteCount()
      }
      if let size, size <= available, size > largest { (best, largest) = (plan, size) }
      guard search.found(size) else { break }
    }
    if let best { session.log.note("rank \(best.summary) fits \(bytes) bytes") }
    return best
  }

  /// The square ranks that the model puts at `bytes`: the largest that all modules can have, one more in the first.
  private func topPlan(within bytes: Double) -> RankPlan {
    let model = ByteModel(storage: request.storage)
    func size(_ rank: Int, _ module: LinearModule) -> Double {
      model.unlistedBytes(
        of: LatentRank(rank).clipped(
          outFeatures: module.outFeatures, inFeatures: module.inFeatures))
    }
    func total(_ rank: Int) -> Double { matched.modules.reduce(0) { $0 + size(rank, $1) } }
    var rank = 0
    while rank < 512, total(rank + 1) <= bytes { rank += 1 }
    guard rank > 0 else { return .uniform(0) }
    var left = bytes - total(rank)
    var ranks = matched.modules.map { _ in LatentRank(rank) }
    for (index, module) in matched.modules.enumerated() {
      let step = size(rank + 1, module) - size(rank, module)
      guard step <= left else { break }
      left -= step
      ranks[index] = LatentRank(rank + 1)
    }
    return Set(ranks).count == 1 ? .uniform(LatentRank(rank)) : .perModule(ranks)
  }

  // MARK: - Pairs of the adapter

  /// As many pairs, and as finely, as `bytes` hold.
  ///
  /// - Parameters:
  ///   - method: How latents between the pairs are set.
  ///   - hasStandIns: Whether figures and settings take room in them too.
  func pairs(
    within bytes: Int, _ projection: ProjectionStage, _ data: TuningData?,
    method: ProjectionMethod? = nil, hasStandIns: Bool = true
  ) throws(Fault) -> Candidate? {
    var projection = projection
    let stage = try ResidualStage(projection)
    // Latents of the pairs, and metadata, take a fifth or more.
    var search = SizeSearch(limit: bytes, first: 0.8 * Double(bytes))
    var best: Candidate?
    var last: (plan: PairPlan?, size: Int?) = (nil, nil)
    for _ in 0..<JobRunner.fillingRounds {
      let plan = stage.plan(JobRequest.Residual(size: .bytes(Int(search.next)), bits: bits))
      let isEmpty = plan.largestCodes.allSatisfy(\.isEmpty)
      if plan != last.plan, !isEmpty {
        projection.residuals = try stage.residuals(plan)
        let projected = try projection.run(
          plan: .uniform(0), choice: choice, method: method ?? request.method)
        let size =
          hasStandIns
          ? try fit(projected, projected.latents, standIn(data)).made(0).artifact.encodedByteCount()
          : try assemble(projected, projected.latents).encodedByteCount()
        last = (plan, size)
        if size <= bytes, size > best?.bytes ?? 0 {
          best = Candidate(
            form: .pairs, projection: projection, plan: .uniform(0), projected: projected,
            bytes: size)
        }
      } else if !isEmpty, let size = last.size, size <= bytes {
        // All there is, as finely as it is stored.
        break
      }
      guard search.found(isEmpty ? nil : last.size) else { break }
    }
    finish("project")
    return best
  }

  // MARK: - Fitting

  /// The artifact, coarser than the best where tuned latents compress less than was expected.
  ///
  /// The outcome follows it: pairs whose codes had to be changed are its pairs.
  func assembleWithinBudget(
    _ outcome: inout Outcome, bytes limit: Int? = nil
  ) throws(Fault) -> AssembledArtifact {
    guard case .budget(let whole, _) = request.target else {
      return try assemble(outcome.projected, outcome.latents, tuning: outcome.tuning)
    }
    let bytes = limit ?? whole
    let fit = fit(outcome.projected, outcome.latents, outcome.tuning)
    var (artifact, projected) = try fit.made(try fit.level(within: bytes))
    if artifact.coarsening.level > 0 {
      session.log.note("scales \(artifact.coarsening.description)")
    }
    outcome.projected = projected
    artifact.removeStandIns()
    return artifact
  }

  /// Refuses to write more than the budget.
  func checkBudget(_ size: Int) throws(Fault) {
    guard case .budget(let bytes, _) = request.target, size > bytes else { return }
    throw Fault(
      .badData, "JOB-BUDGET", "the artifact has \(size) bytes, the budget is \(bytes)",
      path: request.adapterPath)
  }

  func noRankFits(_ bytes: Int) -> Fault {
    Fault(.badData, "JOB-BUDGET", "no rank fits \(bytes) bytes", path: request.adapterPath)
  }
}
