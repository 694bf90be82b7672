public import Bases

/// Divides bytes over modules by marginal benefit: of all that modules offer, what brings most energy per byte is
/// taken first.
///
/// Only offers on the upper convex hull of a module's energy over bytes are taken, and no division has more energy in
/// the bytes that are used; less is left over than the next step takes.
public struct BudgetAllocation: Sendable {
  /// One rank that a module could have.
  public struct Offer: Sendable {
    /// The rank.
    public let rank: LatentRank
    /// The energy it captures.
    public let energy: Double
    /// What it costs.
    public let bytes: Double

    /// An offer.
    public init(rank: LatentRank, energy: Double, bytes: Double) {
      self.rank = rank
      self.energy = energy
      self.bytes = bytes
    }
  }

  /// A step along one module's hull.
  private struct Step {
    let module: Int
    let offer: Offer
    let bytes: Double
    let slope: Double
  }

  private let moduleCount: Int
  /// The steepest first; those of one module in order.
  private let steps: [Step]

  /// Prepares the division over modules with these offers.
  public init(_ offers: [[Offer]]) {
    moduleCount = offers.count
    // The hull's slopes fall, and the sort is stable: no step overtakes one before it.
    steps = offers.enumerated().flatMap { BudgetAllocation.hull($1, module: $0) }
      .sorted { $0.slope > $1.slope }
  }

  /// The ranks that `budget` bytes buy, 0 for modules that get none.
  public func ranks(within budget: Double) -> [LatentRank] {
    var ranks = [LatentRank](repeating: 0, count: moduleCount)
    var left = budget
    for step in steps {
      guard step.bytes <= left else { break }
      left -= step.bytes
      ranks[step.module] = step.offer.rank
    }
    return ranks
  }

  /// The steps from nothing along the upper convex hull.
  private static func hull(_ offers: [Offer], module: Int) -> [Step] {
    var corners: [Step] = []
    var (bytes, energy) = (0.0, 0.0)
    let offers = offers.sorted { $0.bytes < $1.bytes }
    while true {
      var next: (offer: Offer, slope: Double)?
      for offer in offers where offer.bytes > bytes && offer.energy > energy {
        let slope = (offer.energy - energy) / (offer.bytes - bytes)
        // Of equal slopes the farthest.
        if slope >= next?.slope ?? 0 { next = (offer, slope) }
      }
      guard let next else { return corners }
      corners.append(
        Step(
          module: module, offer: next.offer, bytes: next.offer.bytes - bytes, slope: next.slope))
      (bytes, energy) = (next.offer.bytes, next.offer.energy)
    }
  }
}
