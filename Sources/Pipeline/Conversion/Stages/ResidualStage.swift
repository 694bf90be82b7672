package import Faults
import Files
package import Models
import Recipes
import Sessions
import Training

/// What chooses directions and sets latents, with the pairs that the options ask for beside them.
package struct ResidualStage: Stage {
  package static let name: String? = "residual"

  package init() {}

  package func isNeeded(for curvature: CurvatureRows?, in job: JobContext) -> Bool {
    job.request.residual != nil
  }

  package func run(
    _ curvature: CurvatureRows?, in job: JobContext
  ) throws(Fault) -> Projector {
    var projector = Projector(
      session: job.session, source: job.source, curvature: curvature,
      candidates: job.request.candidates, seed: job.request.seed, residuals: [],
      scratch: Paths.parent(of: job.request.outputPath))
    if let residual = job.request.residual {
      let chooser = try PairChooser(projector)
      projector.residuals = try chooser.residuals(chooser.plan(residual))
    }
    return projector
  }
}
