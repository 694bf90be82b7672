import Foundation

/// How attention counts the distance of two tokens, where distances have embeddings: rows of a table `[2·span, d]`.
///
/// The offset o = i − j of query i and key j has row span + o. With buckets b offsets within m = ⌊b/2⌋ stand for themselves, and
/// farther ones share rows that grow with distance, up to the reach r:
///
///     span + sign(o)·(m + ⌈ln(|o|/m) / ln((r − 1)/m) · (m − 1)⌉)
///
/// in Float32; the first and last row stand for all beyond. Source: He et al., arXiv 2006.03654; Transformers'
/// `modeling_deberta_v2`.
public struct RelativePositions: Sendable, Hashable {
  /// Rows for offsets of one sign; nil where every offset has its own.
  public let buckets: Int?
  /// Offsets that are told apart.
  public let reach: Int

  /// A way to count from its parts, which ``isUsable`` judges.
  public init(buckets: Int?, reach: Int) {
    self.buckets = buckets
    self.reach = reach
  }

  /// Whether the formula has a value for every offset.
  public var isUsable: Bool { buckets.map { $0 > 1 && reach - 1 > $0 / 2 } ?? (reach > 0) }

  /// Rows for offsets of one sign.
  public var span: Int { buckets ?? reach }

  /// Rows of the table.
  public var rowCount: Int { 2 * span }

  /// The row of an offset.
  public func row(of offset: Int) -> Int {
    min(max(span + bucket(offset), 0), rowCount - 1)
  }

  private func bucket(_ offset: Int) -> Int {
    guard let buckets, abs(offset) > buckets / 2 else { return offset }
    let middle = Float(buckets / 2)
    let share = log(Float(abs(offset)) / middle) / log(Float(reach - 1) / middle)
    return offset.signum() * Int((share * (middle - 1)).rounded(.up) + middle)
  }
}
