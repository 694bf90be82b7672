import Bases
package import Faults
import Projection
import Training

extension Recipe {
  /// A field that is refused and why, with other fields called as `name` calls them.
  package typealias Conflict = (key: String, reason: (_ name: (String) -> String) -> String)

  /// The first pair of values that exclude each other: the field that is refused, and why, with fields called as `name`
  /// calls them.
  ///
  /// What concerns one value alone is in its field's form.
  package var conflict: Conflict? {
    if let conflict = scratchConflict { return conflict }
    if (directions == .own) != (target == .own) {
      return ("directions", { _ in "own have the adapter's ranks, and others need a size" })
    }
    if directions == .own, !controls.isEmpty {
      return ("controls", { "stand beside \($0("directions")) own, which have none" })
    }
    if directions == .own, residual != nil {
      return ("residual", { "has nothing to keep beside \($0("directions")) own" })
    }
    if let form {
      guard case .budget(_, let minimum) = target else {
        return ("form", { "\(form.rawValue) needs a \($0("budget")) to fill" })
      }
      // First directions are directions too.
      let suits = directions == .selected || directions == .top && form == .directions
      if residual != nil || !suits {
        return (
          "form",
          { "\(form.rawValue) stands beside \($0("residual")) or other \($0("directions"))" }
        )
      }
      if minimum != nil, form != .directions {
        return (
          "form",
          {
            "\(form.rawValue) stands beside \($0("min_retained")), which raises ranks of directions"
          }
        )
      }
    }
    if case .rank(let rank) = target, startArtifactPath == nil {
      if directions == .top, !rank.isSquare {
        return ("rank", { _ in "\(rank) needs chosen directions; top ones have one rank" })
      }
      if rank.output == 0, residual == nil {
        return ("rank", { "0 leaves nothing without \($0("residual"))" })
      }
    }
    if target.minRetained != nil, tuning == nil {
      return ("min_retained", { _ in "needs tune, whose validation split decides it" })
    }
    if target.minRetained == nil, belowMinimum != .reject {
      return ("below_minimum", { "needs \($0("min_retained"))" })
    }
    if startArtifactPath != nil, residual != nil {
      return ("residual", { "stands beside \($0("artifact")), which fixes it" })
    }
    if startArtifactPath != nil, tuning == nil {
      return ("artifact", { _ in "needs tune: it is what tuning starts from" })
    }
    if method == .kfac || method == .calibrated, calibration == nil, startArtifactPath == nil {
      return ("method", { [method] in "\(method.rawValue) needs \($0("calibrate.data"))" })
    }
    guard let tuning else {
      return controls.first { $0 == .lora || $0 == .vera }.map { control in
        ("controls", { "\(control.rawValue) needs \($0("tune.data")): it is trained from nothing" })
      }
    }
    if tuning.learningRate != nil, tuning.searchesLearningRate {
      return ("tune.lr", { "stands beside \($0("tune.lr_search"))" })
    }
    if tuning.options.tunesResidual, residual == nil, startArtifactPath == nil {
      return ("tune.residual", { "needs \($0("residual"))" })
    }
    return nil
  }

  /// Refuses values that exclude each other, for recipes that are made in code.
  ///
  /// - Throws: 64 `JOB-OPTIONS`.
  package func check() throws(Fault) {
    guard let (key, reason) = conflict else { return }
    throw Fault(.usage, "JOB-OPTIONS", "\(key) \(reason { $0 })")
  }
}
