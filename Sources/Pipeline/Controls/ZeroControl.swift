import Faults
import Projection
import Recipes

/// The result's own directions and pairs with latents that start at zero, tuned alike.
struct ZeroControl: Control {
  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    let name = "zero start"
    // The start that the result had: pairs as they were before tuning.
    let start = context.result.first
    let zero = ProjectedAdapter(
      modules: start.modules, bases: start.bases, projections: start.projections.map(\.zeroed),
      residuals: start.residuals)
    let tuned = try context.tuned(
      zero, context.projector, name: name
    ) { $0.bytes = context.bytes }
    return [try context.variant(name, tuned, tuning: context.tuning)]
  }
}
