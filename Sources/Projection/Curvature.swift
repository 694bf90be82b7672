/// Second moments that weigh the errors of one module; a missing side counts as the identity.
public struct Curvature: Sendable {
  /// `C = E[x xᵀ]` of the module's inputs.
  public var input: SecondMoment?
  /// `G = E[g gᵀ]` of the loss gradient at the module's outputs.
  public var output: SecondMoment?

  /// Curvature with either, both or neither side.
  public init(input: SecondMoment? = nil, output: SecondMoment? = nil) {
    self.input = input
    self.output = output
  }
}
