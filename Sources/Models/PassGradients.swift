public import Tensors

/// What a backward pass of one batch finds.
public struct PassGradients: Sendable {
  /// ∂L/∂M of each trainable module, in `updates.trainable` order.
  public let latents: [Matrix<Float>]
  /// Those of the trained columns of factors, of modules that have any, in the same order; zeros where the pass did not come, as
  /// to an expert without a token.
  public let factors: [FactorGradients.Pair]

  init(_ latents: [Matrix<Float>], _ factors: FactorGradients?, _ updates: UpdateSet) {
    self.latents = latents
    guard let factors else {
      self.factors = []
      return
    }
    self.factors = updates.trainable.filter { $0.update.trainedColumns > 0 }.map {
      layer, kind, update in
      factors[layer, kind]
        ?? FactorGradients.Pair(
          output: Matrix(rows: update.outFeatures, columns: update.trainedColumns),
          input: Matrix(rows: update.inFeatures, columns: update.trainedColumns))
    }
  }
}
