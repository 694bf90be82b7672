package import Bases
package import Recipes

/// A size that a job may come to: a rank, or a number of bytes.
package struct JobSize: Hashable, Sendable {
  /// How large an artifact is.
  package enum Extent: Hashable, Sendable {
    /// So many directions in every module.
    case rank(LatentRank)
    /// At most so many bytes, filled with what serves most.
    case bytes(Int)
    /// At most so many bytes of directions alone: a part of a budget.
    case part(Int)
  }

  /// How large.
  package let extent: Extent
  /// For people.
  package let name: String
  /// Ends the name of its checkpoint; empty where it is the only size.
  package let suffix: String

  /// What the artifact may have; nil for any size.
  package var bytes: Int? {
    switch extent {
    case .rank: nil
    case .bytes(let bytes), .part(let bytes): bytes
    }
  }

  /// Square rank beyond which a floor on retained gain is given up.
  private static let largestTriedRank = 64

  /// Parts of a budget that are tried, the smallest first.
  private static let budgetDivisors = [8, 4, 2, 1]

  private init(_ extent: Extent, isOnlyOne: Bool = true) {
    self.extent = extent
    let key: String
    switch extent {
    case .rank(let rank): (name, key) = ("rank \(rank)", "\(rank)")
    case .bytes(let bytes), .part(let bytes): (name, key) = ("\(bytes) bytes", "\(bytes)")
    }
    suffix = isOnlyOne ? "" : ".\(key)"
  }

  /// The sizes of `target` in the order in which they are tried; the first that passes is taken.
  ///
  /// - Parameter rank: the adapter's own, if there is one.
  package static func all(of target: Recipe.Target, rank: Int) -> [JobSize] {
    switch target {
    case .own: return [JobSize(.rank(LatentRank(rank)))]
    case .rank(let rank): return [JobSize(.rank(rank))]
    case .budget(let bytes, nil): return [JobSize(.bytes(bytes))]
    case .budget(let bytes, _?):
      return budgetDivisors.map { JobSize(.part(bytes / $0), isOnlyOne: false) }
    case .minRetained(_, let first):
      var ranks = [first]
      while let next = ranks.last?.raised, next.square <= largestTriedRank { ranks.append(next) }
      return ranks.map { JobSize(.rank($0), isOnlyOne: false) }
    }
  }
}
