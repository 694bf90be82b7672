import Artifacts
import Bases
package import Faults
import Projection
import Recipes
import Reports
import Sessions
import Training

/// Directions, pairs and first latents of a size: of every form that comes into question, where that is left to the
/// job.
package struct StartStage: Stage {
  package static let name: String? = "project"

  package init() {}

  /// The starts, in the order in which they are preferred; none where nothing fits.
  package func run(
    _ input: (size: JobSize, projector: Projector, rows: JobRows?), in job: JobContext
  ) throws(Fault) -> [Start] {
    switch input.size.extent {
    case .rank(let rank):
      let start = try ranked(rank, input.projector, job)
      // What an artifact starts with was scaled, or tuned, when it was made.
      return [
        job.request.startArtifactPath == nil ? try job.scaled(start, input.rows?.tuning) : start
      ]
    case .part(let bytes):
      let filling = Filling(
        job: job, data: input.rows?.tuning, storage: job.request.storage)
      let plans = filling.plans(try planner(input.projector, job))
      guard let plan = try filling.plan(input.projector, plans, within: bytes) else { return [] }
      let start = Start(
        form: .directions, storage: job.request.storage, projector: input.projector, plan: plan,
        projected: try job.projected(input.projector, plan), bytes: 0)
      return [try job.scaled(start, input.rows?.tuning)]
    case .bytes(let bytes):
      let race = try RaceFile(job, size: input.size, rows: input.rows)
      let ways =
        try race.decision().map {
          [Way(form: $0.form, storage: $0.storage, pairChoice: $0.pairChoice)]
        } ?? Way.all(of: job)
      return try starts(of: ways, within: bytes, input.projector, input.rows, job)
    }
  }

  /// A form and how its latents are stored.
  private struct Way {
    let form: JobRequest.Form
    let storage: LatentStorage
    /// What chooses pairs; nil for whatever serves.
    var pairChoice: RaceRecord.PairChoice?

    /// The ways that come into question.
    ///
    /// Both forms together cost a second search for directions and have not won anything (`golden/recovery/NOTES.md`): they
    /// are for those who ask. Pairs have no latents in the storage, and widths of their own.
    static func all(of job: JobContext) -> [Way] {
      let request = job.request
      let isOpen =
        request.form == nil && request.residual == nil && request.directions == .selected
        && job.source.matched != nil
      let forms = request.form.map { [$0] } ?? (isOpen ? [.directions, .pairs] : [.directions])
      return forms.flatMap { form in
        (form == .directions ? request.recipe.storages : [request.storage]).map {
          Way(form: form, storage: $0)
        }
      }
    }
  }

  private func starts(
    of ways: [Way], within bytes: Int, _ projector: Projector, _ rows: JobRows?, _ job: JobContext
  ) throws(Fault) -> [Start] {
    var starts: [Start] = []
    // Directions are weighed once, however they are stored.
    var weighed: (form: JobRequest.Form, projector: Projector, planner: BudgetPlanner?)?
    for way in ways {
      let filling = Filling(job: job, data: rows?.tuning, storage: way.storage)
      if way.form == .pairs {
        starts += try filling.pairStarts(within: bytes, projector, rows?.tuning).filter {
          way.pairChoice == nil || $0.pairChoice == way.pairChoice
        }
      } else {
        if weighed?.form != way.form {
          let base =
            way.form == .both ? try filling.halfPairs(within: bytes, projector) : projector
          weighed = (way.form, base, try planner(base, job))
        }
        guard let weighed else { continue }
        let start = try filling.directions(
          way.form, within: bytes, weighed.projector, filling.plans(weighed.planner))
        if let start { starts.append(try job.scaled(start, rows?.tuning)) }
      }
    }
    return starts
  }

  /// What divides bytes over modules; nil for top directions, which are not weighed.
  private func planner(
    _ projector: Projector, _ job: JobContext
  ) throws(Fault) -> BudgetPlanner? {
    job.request.directions == .top ? nil : try BudgetPlanner(projector)
  }

  private func ranked(
    _ rank: LatentRank, _ projector: Projector, _ job: JobContext
  ) throws(Fault) -> Start {
    let plan = RankPlan.uniform(rank)
    let projected: ProjectedAdapter
    if let path = job.request.startArtifactPath, let matched = job.source.matched {
      projected = try ArtifactLoader(session: job.session).load(path).projected(matched)
    } else {
      projected = try job.projected(projector, plan)
      if case .rank = job.request.target { job.warnOfClipping(projected, rank: rank) }
    }
    return Start(
      form: .directions, storage: job.request.storage, projector: projector, plan: plan,
      projected: projected, bytes: 0)
  }
}

extension JobContext {
  /// Directions and latents at the ranks of `plan`, as the options ask for them.
  func projected(
    _ projector: Projector, _ plan: RankPlan, method: ProjectionMethod? = nil
  ) throws(Fault) -> ProjectedAdapter {
    try projector.run(
      plan: plan, choice: request.directions.choice, method: method ?? request.method)
  }

  /// Says how many modules have fewer directions than asked for, and the fewest.
  func warnOfClipping(_ projected: ProjectedAdapter, rank: LatentRank) {
    let clipped = projected.bases.map(\.selection).filter {
      $0.outputRank < rank.output || $0.inputRank < rank.input
    }
    guard
      let least = clipped.min(by: { $0.outputRank + $0.inputRank < $1.outputRank + $1.inputRank })
    else { return }
    let fewest = LatentRank(output: least.outputRank, input: least.inputRank)
    warn(
      Warning(
        "RANK-CLIP",
        "rank \(rank) clipped in \(clipped.count) of \(projected.bases.count) modules, to "
          + "\(fewest) at least"))
  }
}
