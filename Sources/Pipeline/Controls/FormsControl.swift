import Artifacts
import Bases
import Faults
import Projection
import Recipes

/// The forms of ours that the result is not of, at its bytes and tuned like it: whether the race chose well.
struct FormsControl: Control {
  func variants(_ context: ControlContext) throws(Fault) -> [ControlVariant] {
    let result = context.result.projected
    let hasDirections = result.bases.contains { $0.selection.outputRank > 0 }
    let others: [JobRequest.Form] =
      switch (hasDirections, result.hasResidual) {
      case (true, false): [.pairs]
      case (false, _): [.directions]
      case (true, true): [.directions, .pairs]
      }
    var variants: [ControlVariant] = []
    for form in others {
      let (filling, projector) = (context.filling, context.plainProjector)
      let start =
        form == .pairs
        ? try filling.nearestPairs(within: context.bytes, projector, context.data)
        : try filling.directions(
          form, within: context.bytes, projector, filling.plans(try BudgetPlanner(projector)))
      guard let start else { continue }
      let name = "form \(form.rawValue)"
      let tuned = try context.tuned(
        start.projected, start.projector, name: name, isScaled: form == .pairs
      ) { $0.bytes = context.bytes }
      variants.append(try context.variant(name, tuned, tuning: context.tuning))
    }
    return variants
  }
}
