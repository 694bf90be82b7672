import Bases
package import Faults
import Projection
import Recipes
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
      return [try ranked(rank, input.projector, job)]
    case .part(let bytes):
      let filling = Filling(job: job, rows: input.rows)
      guard
        let plan = try filling.plan(
          input.projector, try filling.plans(input.projector), within: bytes)
      else { return [] }
      let projected = try job.projected(input.projector, plan)
      return [
        Start(
          form: .directions, storage: job.request.storage, projector: input.projector, plan: plan,
          projected: projected, bytes: 0)
      ]
    case .bytes(let bytes):
      let filling = Filling(job: job, rows: input.rows)
      let race = try RaceFile(job, size: input.size, rows: input.rows)
      var starts: [Start] = []
      for form in race.decision.map({ [$0.form] }) ?? StartStage.forms(job.request) {
        if let start = try filling.start(form, within: bytes, input.projector) {
          starts.append(start)
        }
      }
      return starts
    }
  }

  /// The forms that come into question.
  ///
  /// Both together cost a second search for directions and have not won anything (`golden/recovery/NOTES.md`): they are
  /// for those who ask.
  private static func forms(_ request: JobRequest) -> [JobRequest.Form] {
    if let form = request.form { return [form] }
    return request.residual == nil && request.directions == .selected
      ? [.directions, .pairs] : [.directions]
  }

  private func ranked(
    _ rank: LatentRank, _ projector: Projector, _ job: JobContext
  ) throws(Fault) -> Start {
    let plan = RankPlan.uniform(rank)
    let projected: ProjectedAdapter
    if let path = job.request.startArtifactPath {
      projected = try ArtifactLoader(session: job.session).load(path).projected(job.matched)
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
