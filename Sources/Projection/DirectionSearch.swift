/// How ``Projection/select(update:basis:curvature:rank:candidates:search:ridge:)`` looks for
/// directions.
public enum DirectionSearch: String, Sendable, Hashable, CaseIterable {
  /// Alternating best rows and columns of `gᵢ cⱼ Mᵢⱼ²`, as if the directions were uncorrelated under
  /// the curvature.
  case diagonal
  /// Greedy choice on the weighted energy the fit will really capture.
  case greedy
  /// Greedy, then exchanges until no single one helps.
  case exchange
}
