import LinearAlgebra
public import Tensors

/// The linear change of variables between a latent M and what the optimiser sees:
/// `M = L · M̃ · R`, with symmetric L `[outputRank, outputRank]` and R `[inputRank, inputRank]`.
///
/// Gradients pull back as `∂L/∂M̃ = L · ∂L/∂M · R`.
public struct ModuleCoordinates: Sendable {
  private let left: Matrix<Double>
  private let right: Matrix<Double>
  private let leftInverse: Matrix<Double>
  private let rightInverse: Matrix<Double>

  /// Coordinates from symmetric factors and their inverses.
  public init(
    left: Matrix<Double>, right: Matrix<Double>, leftInverse: Matrix<Double>,
    rightInverse: Matrix<Double>
  ) {
    self.left = left
    self.right = right
    self.leftInverse = leftInverse
    self.rightInverse = rightInverse
  }

  func latent(_ coordinates: Matrix<Float>) -> Matrix<Float> {
    left.times(coordinates.converted()).times(right).converted()
  }

  func coordinates(_ latent: Matrix<Float>) -> Matrix<Float> {
    leftInverse.times(latent.converted()).times(rightInverse).converted()
  }
}
