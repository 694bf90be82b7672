public import Tensors

/// What a backward pass of one batch finds.
public struct PassGradients: Sendable {
  /// ∂L/∂M of each trainable module, in `updates.trainable` order.
  public let latents: [Matrix<Float>]
  /// Those of the trained columns of factors, of modules that have any, in the same order.
  public let factors: [FactorGradients.Pair]

  init(_ latents: [Matrix<Float>], _ factors: FactorGradients?, _ updates: UpdateSet) {
    self.latents = latents
    self.factors = updates.trainable.compactMap { factors?[$0.layer, $0.kind] }
  }
}
