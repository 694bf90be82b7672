public import Tensors

/// Second moments that weigh the errors of one module; a missing side counts as the identity.
public struct Curvature: Sendable {
  /// `C = E[x xᵀ]` of the module's inputs, symmetric, `[inFeatures, inFeatures]`.
  public var inputCovariance: Matrix<Float>?
  /// `G = E[g gᵀ]` of the loss gradient at the module's outputs, symmetric,
  /// `[outFeatures, outFeatures]`.
  public var outputCovariance: Matrix<Float>?

  /// Curvature with either, both or neither side.
  public init(inputCovariance: Matrix<Float>? = nil, outputCovariance: Matrix<Float>? = nil) {
    self.inputCovariance = inputCovariance
    self.outputCovariance = outputCovariance
  }
}
