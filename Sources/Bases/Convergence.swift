/// What was measured about a computed basis, in Float64, before anything was rounded.
///
/// Source: `formats/xsbases.md` §3. A basis that fails the limits is refused, never returned.
public struct Convergence: Sendable, Hashable {
  /// How the vectors were computed.
  public enum Route: String, Sendable, Hashable {
    /// Eigenvectors of the smaller Gram matrix, the other side by one product.
    case gram
    /// LAPACK's SVD of the weight itself.
    case direct
    /// A Krylov space for the leading directions alone.
    case iterated
    /// Read from a pack or a cache that passed the test when it was written.
    case stored
  }

  /// How the vectors were computed.
  public let route: Route
  /// `max(‖W vᵢ − σᵢ uᵢ‖, ‖Wᵀ uᵢ − σᵢ vᵢ‖) / σ₁` over all kept directions, both sides.
  public let residual: Double
  /// The largest entry of `|UᵀU − I|` and `|VᵀV − I|`.
  public let orthogonality: Double
  /// The smallest distance between neighbouring singular values of different clusters, over `σ₁`.
  public let minimumGap: Double
  /// The largest ratio of a direction's residual to its cluster's gap: the error of its span.
  public let spanError: Double

  /// The largest accepted ``spanError``.
  public static let spanLimit = 1e-6
  /// The largest accepted ``orthogonality``.
  public static let orthogonalityLimit = 1e-8

  /// Whether both limits hold; NaN anywhere fails.
  public var isAccepted: Bool {
    spanError <= Convergence.spanLimit && orthogonality <= Convergence.orthogonalityLimit
  }

  /// Records measured figures.
  public init(
    route: Route, residual: Double, orthogonality: Double, minimumGap: Double, spanError: Double
  ) {
    self.route = route
    self.residual = residual
    self.orthogonality = orthogonality
    self.minimumGap = minimumGap
    self.spanError = spanError
  }
}
