internal import Faults

/// Which directions of a base weight an update is expressed in.
public enum BasisSelection: Sendable, Hashable {
  /// The first `rank` singular directions in canonical coordinates with Ω from `omegaSeed`: the
  /// paper's own choice.
  case top(rank: Int, omegaSeed: UInt64)
  /// Chosen singular directions, ascending; the two sides may differ in number. Clusters are whole.
  case selected(output: [Int], input: [Int])
  /// Random orthonormal directions, a control: what any basis of that size would give.
  case random(rank: LatentRank, seed: UInt64)
  /// The directions of an update's own factors, which the base does not have: they are stored.
  case own(rank: Int)
  /// No directions: the module is left as it is.
  case none

  /// The number of first directions that the choice lies among.
  public var leadingCount: Int {
    switch self {
    case .top(let rank, _): max(rank, 0)
    case .selected(let output, let input): max(output.last ?? -1, input.last ?? -1) + 1
    case .random, .own, .none: 0
    }
  }

  /// Number of output directions, the rows of the latent matrix.
  public var outputRank: Int {
    switch self {
    case .top(let rank, _), .own(let rank): rank
    case .random(let rank, _): rank.output
    case .selected(let output, _): output.count
    case .none: 0
    }
  }

  /// Whether the directions are the update's own, and not the base's.
  public var isOwn: Bool {
    if case .own = self { return true }
    return false
  }

  /// Whether there are no directions on a side.
  public var isEmpty: Bool { outputRank == 0 || inputRank == 0 }

  /// Number of input directions, the columns of the latent matrix.
  public var inputRank: Int {
    switch self {
    case .top(let rank, _), .own(let rank): rank
    case .random(let rank, _): rank.input
    case .selected(_, let input): input.count
    case .none: 0
    }
  }

  /// Own directions asked of a base: whoever needs them must have stored them.
  static func notOfBase(_ moduleName: String) -> Fault {
    Fault(
      .internalError, "BASIS-OWN", "own directions are stored, a base does not have them",
      tensor: moduleName)
  }
}
