import Artifacts
import Bases
import Checkpoints
import Faults
import Progress
import Projection
import Recipes
import Sessions
import Tensors

/// Directions of the base: from a number of bytes to ranks.
extension Filling {
  /// What a start of directions may be larger than its bytes: scales make up for so much and not for more.
  private static let largestExcess = 1.12

  /// As many directions as `bytes` hold, beside the pairs that `projector` has.
  ///
  /// Projecting is what costs: the latents of one try tell how those of the next will compress, so that two or three tries
  /// are enough.
  func directions(
    _ form: JobRequest.Form, within bytes: Int, _ projector: Projector,
    _ plans: (Double) -> RankPlan
  ) throws(Fault) -> Start? {
    let enough = enough
    var (best, last): (Start?, Start?) = (nil, nil)
    var aim = Double(bytes)
    for _ in 0..<Filling.rounds {
      guard
        let plan = try plan(projector, plans, within: Int(aim), like: last?.projected)
      else { break }
      if let last, plan == last.plan {
        // Steps of the plan are large: on until it is another one, unless there is no more to be had.
        guard (0.8...1.2).contains(aim / Double(bytes)) else { break }
        aim *= last.bytes > bytes ? 0.99 : 1.01
        continue
      }
      let projected = try job.projected(projector, plan)
      let size = try assembler.fit(
        projected, try projector.untuned(projected, storage: storage), tuning: tuning
      ).made(0).artifact.encodedByteCount()
      let start = Start(
        form: form, storage: storage, projector: projector, plan: plan, projected: projected,
        bytes: size)
      // Latents that are still to be learned compress to nothing: a draft alone tells what they will take.
      if job.source.matched == nil { return start }
      let share = Double(size) / Double(bytes)
      if enough.contains(share) { return start }
      if best.map({ isNearer(size, than: $0.bytes, to: bytes) }) ?? true { best = start }
      // The first try says how numbers compress; what later ones miss by is taken off.
      if last != nil { aim *= 0.9985 / share }
      last = start
    }
    return best.flatMap { Double($0.bytes) <= Filling.largestExcess * Double(bytes) ? $0 : nil }
  }

  /// The shares of its bytes that a start may take for no other one to be tried.
  ///
  /// Tuning makes numbers compress less, and rounding makes for that and for a little too much at the start with it. What
  /// nothing tunes is rounded once, so that coarser scales are to make for little; numbers that are not codes have none.
  private var enough: ClosedRange<Double> {
    switch (storage.isQuantised, tuning != nil) {
    case (true, true): 0.985...Filling.largestExcess
    case (true, false): 0.99...1.01
    case (false, _): 0.99...1
    }
  }

  /// Whether `size` is the better use of `bytes`: what fits is, and of that the larger; of what does not the smaller.
  private func isNearer(_ size: Int, than other: Int, to bytes: Int) -> Bool {
    switch (size <= bytes, other <= bytes) {
    case (true, true): size > other
    case (false, false): size < other
    case (let fits, _): fits
    }
  }

  /// Ranks for any budget: from the bytes that the model of sizes counts to a plan.
  ///
  /// - Parameter planner: nil for top directions, which are not weighed.
  func plans(_ planner: BudgetPlanner?) -> (Double) -> RankPlan {
    planner?.plans(job.request.allocation, storage: storage) ?? topPlan
  }

  /// The ranks whose artifact will fit `bytes`; nil where none does.
  ///
  /// The model of sizes is corrected by drafts of the artifact until one fills the budget to a five-hundredth. Tuned
  /// numbers that are not codes cannot be made coarser afterwards: for those a hundredth stays free.
  ///
  /// - Parameter sample: An earlier projection, whose numbers drafts have.
  func plan(
    _ projector: Projector, _ plans: (Double) -> RankPlan, within bytes: Int,
    like sample: ProjectedAdapter? = nil
  ) throws(Fault) -> RankPlan? {
    let isFree = tuning == nil || storage.isQuantised
    let available = isFree ? bytes : bytes - max(bytes / 100, 32)
    var search = SizeSearch(limit: available, first: Double(available), enough: 0.998)
    var best: RankPlan?
    var (largest, last): (Int, RankPlan?) = (0, nil)
    for _ in 0..<10 {
      let plan = plans(search.next)
      // All there is does not grow.
      if plan == last, plan == best { break }
      last = plan
      let size = try assembler.draftByteCount(
        plan, directions: job.request.directions == .top ? .top : .selected,
        residuals: projector.residuals, tuning: tuning, like: sample)
      if let size, size <= available, size > largest { (best, largest) = (plan, size) }
      guard search.found(size) else { break }
    }
    if let best { job.session.log.note("rank \(best.summary) fits \(bytes) bytes") }
    return best
  }

  /// The square ranks that the model puts at `bytes`: the largest that all modules can have, one more in the first.
  private func topPlan(within bytes: Double) -> RankPlan {
    let model = ByteModel(storage: storage, numbers: .tuned)
    let modules = job.source.modules
    func size(_ rank: Int, _ module: LinearModule) -> Double {
      let rank = LatentRank(rank).clipped(
        outFeatures: module.outFeatures, inFeatures: module.inFeatures)
      return model.unlistedBytes(rows: rank.output, columns: rank.input)
    }
    func total(_ rank: Int) -> Double { modules.reduce(0) { $0 + size(rank, $1) } }
    var rank = 0
    while rank < 512, total(rank + 1) <= bytes { rank += 1 }
    guard rank > 0 else { return .uniform(0) }
    var left = bytes - total(rank)
    var ranks = modules.map { _ in LatentRank(rank) }
    for (index, module) in modules.enumerated() {
      let step = size(rank + 1, module) - size(rank, module)
      guard step <= left else { break }
      left -= step
      ranks[index] = LatentRank(rank + 1)
    }
    return Set(ranks).count == 1 ? .uniform(LatentRank(rank)) : .perModule(ranks)
  }
}
