public import Bases
import Tensors

/// Directions chosen for an update under second moments, and what of the equations of a fit in them is known by that.
public struct WeighedChoice: Sendable {
  /// The directions.
  public let selection: BasisSelection
  /// Products of the directions and the update's factor without a ridge; nil where nothing weighs errors of a side.
  let output: Metric.Products?
  let input: Metric.Products?

  /// None.
  init() { (selection, output, input) = (.none, nil, nil) }

  init(selection: BasisSelection, output: Metric.Products?, input: Metric.Products?) {
    (self.selection, self.output, self.input) = (selection, output, input)
  }
}
