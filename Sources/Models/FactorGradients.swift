public import Checkpoints
public import Tensors

/// Gradients of the trained columns of updates' factors, collected during a backward pass.
///
/// With `y += O·M·Iᵀ·x`: `∂L/∂O = dYᵀ·(X·I·Mᵀ)` and `∂L/∂I = Xᵀ·(dY·O·M)`, of which the last
/// ``ModuleUpdate/trainedColumns`` columns are formed.
public final class FactorGradients {
  /// One module's.
  public struct Pair: Sendable {
    /// `∂L/∂O`, `[outFeatures, trainedColumns]`.
    public var output: Matrix<Float>
    /// `∂L/∂I`, `[inFeatures, trainedColumns]`.
    public var input: Matrix<Float>
  }

  private var pairs: [Key: Pair] = [:]

  private struct Key: Hashable {
    let layer: Int
    let kind: LinearKind
  }

  /// Nothing collected yet.
  public init() {}

  /// The gradients of a module; nil where no column of it is trained.
  public subscript(layer: Int, kind: LinearKind) -> Pair? {
    get { pairs[Key(layer: layer, kind: kind)] }
    set { pairs[Key(layer: layer, kind: kind)] = newValue }
  }
}
