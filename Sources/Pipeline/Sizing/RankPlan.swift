import Bases

/// The ranks of an adapter's modules.
enum RankPlan: Hashable, CustomStringConvertible {
  /// The same in every module, clipped to its sides.
  case uniform(LatentRank)
  /// One for each of the adapter's modules; 0 leaves a module as it is.
  case perModule([LatentRank])

  /// The rank of one of the adapter's modules.
  subscript(module: Int) -> LatentRank {
    switch self {
    case .uniform(let rank): rank
    case .perModule(let ranks): ranks[module]
    }
  }

  /// `32x8`, or all of them.
  var description: String {
    switch self {
    case .uniform(let rank): rank.description
    case .perModule(let ranks): ranks.map(\.description).joined(separator: " ")
    }
  }

  /// `32x8`, or how much they differ.
  var summary: String {
    switch self {
    case .uniform(let rank): return rank.description
    case .perModule(let ranks):
      let numbers = ranks.map { $0.output * $0.input }
      let used = ranks.filter { $0.output > 0 }
      let largest = LatentRank(
        output: used.map(\.output).max() ?? 0, input: used.map(\.input).max() ?? 0)
      return "up to \(largest) in \(used.count) of \(ranks.count) modules, "
        + "\(numbers.reduce(0, +)) numbers"
    }
  }
}
