package import Faults
import Recipes
import Sessions

/// The singular directions of the job's modules, where it looks at any.
package struct BasesStage: Stage {
  package static let name: String? = "bases"

  package init() {}

  package func run(_: Void, in job: JobContext) throws(Fault) {
    guard job.request.directions != .own, job.request.form != .pairs else { return }
    try job.session.prepareBases(
      job.source.modules, leading: { [request = job.request] in request.leadingDirections(of: $0) }
    )
  }
}
