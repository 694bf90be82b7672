import Bases
import Projection
import Training

extension Recipe {
  /// The first option of a command line that would change nothing beside the others: whoever wrote it meant something by it.
  ///
  /// In a manifest defaults reach jobs that have no use for them.
  func idleOption(_ given: GivenOptions) -> Conflict? {
    var isBudget = false
    if case .budget = target { isBudget = true }
    let own = Field.all.filter { $0.section == "self" }.map(\.key)
    let rules: [(keys: [String], isIdle: Bool, reason: (_ name: (String) -> String) -> String)] = [
      (
        ["directions", "candidates", "tune.init"], startArtifactPath != nil,
        { "stands beside \($0("artifact")), which brings directions and latents" }
      ),
      (["allocation"], !isBudget, { "needs a \($0("budget"))" }),
      (
        ["candidates"], directions != .selected,
        { "needs \($0("directions")) selected: others are not chosen" }
      ),
      (
        ["residual_store"], residual == nil && !isBudget,
        { "needs a \($0("residual")) or a \($0("budget"))" }
      ),
      (own, !usesOwnTexts, { "needs self as \($0("calibrate.data")) or \($0("tune.data"))" }),
      (
        ["tune.quantized_steps"],
        tuning.map { $0.options.quantizedSteps > $0.options.steps } ?? false,
        { "are more than \($0("tune.steps"))" }
      ),
    ]
    for rule in rules where rule.isIdle {
      if let key = rule.keys.first(where: given.isGiven) { return (key, rule.reason) }
    }
    return nil
  }
}
