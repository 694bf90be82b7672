import Artifacts
import Bases
import Checkpoints
import Faults
import Progress
import Projection
import Recipes
import Tensors

/// Directions of the base: from a number of bytes to ranks.
extension Filling {
  /// What a start of directions may be larger than its bytes: scales make up for so much and not for more.
  private static let largestExcess = 1.12

  /// As many directions as `bytes` hold, beside the pairs that `projector` has.
  func directions(
    _ form: JobRequest.Form, within bytes: Int, _ projector: Projector
  ) throws(Fault) -> Start? {
    let plans = try plans(projector)
    let isTuned = tuning != nil
    // Tuning makes numbers compress less, and rounding makes for that: a start may fall short by a little.
    var search = SizeSearch(
      limit: bytes, first: Double(bytes), enough: isTuned ? 0.985 : 0.995)
    var best: Start?
    var last: (plan: RankPlan?, size: Int?) = (nil, nil)
    for _ in 0..<Filling.rounds {
      let plan = try plan(projector, plans, within: Int(search.next))
      if let plan, plan != last.plan {
        let projected = try job.projected(projector, plan)
        let size = try assembler.fit(
          projected, try projector.untuned(projected, storage: storage), tuning: tuning
        ).made(0).artifact.encodedByteCount()
        last = (plan, size)
        let start = Start(
          form: form, storage: storage, projector: projector, plan: plan, projected: projected,
          bytes: size)
        // What tuning changes rounding makes up for, and for a little too much at the start with it.
        if isTuned, storage.isQuantised,
          (0.985...Filling.largestExcess).contains(Double(size) / Double(bytes))
        {
          return start
        }
        if best == nil || (size <= bytes && size > (best?.bytes ?? 0)) || (best?.bytes ?? 0) > bytes
        {
          best = start
        }
      } else if plan != nil, let size = last.size, size <= bytes {
        // Larger than all there is.
        break
      }
      guard search.found(plan == nil ? nil : last.size) else { break }
    }
    return best.flatMap { Double($0.bytes) <= Filling.largestExcess * Double(bytes) ? $0 : nil }
  }

  /// Ranks for any budget: from the bytes that the model of sizes counts to a plan.
  func plans(_ projector: Projector) throws(Fault) -> (Double) -> RankPlan {
    if job.request.directions == .top { return topPlan }
    return try BudgetPlanner(projector, storage: storage).plans(job.request.allocation)
  }

  /// The ranks whose artifact will fit `bytes`; nil where none does.
  ///
  /// The model of sizes is corrected by drafts of the artifact until one fills the budget to a five-hundredth. Tuned
  /// numbers that are not codes cannot be made coarser afterwards: for those a hundredth stays free.
  func plan(
    _ projector: Projector, _ plans: (Double) -> RankPlan, within bytes: Int
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
      let draft = try assembler.draft(
        plan, directions: job.request.directions == .top ? .top : .selected,
        residuals: projector.residuals, tuning: tuning)
      let size = try draft.map { (draft) throws(Fault) in
        var draft = draft
        assembler.standIn(&draft)
        return try draft.encodedByteCount()
      }
      if let size, size <= available, size > largest { (best, largest) = (plan, size) }
      guard search.found(size) else { break }
    }
    if let best { job.session.log.note("rank \(best.summary) fits \(bytes) bytes") }
    return best
  }

  /// The square ranks that the model puts at `bytes`: the largest that all modules can have, one more in the first.
  private func topPlan(within bytes: Double) -> RankPlan {
    let model = ByteModel(storage: storage)
    let modules = job.matched.modules
    func size(_ rank: Int, _ module: LinearModule) -> Double {
      model.unlistedBytes(
        of: LatentRank(rank).clipped(
          outFeatures: module.outFeatures, inFeatures: module.inFeatures))
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
