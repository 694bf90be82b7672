/// Which pairs of which modules a residual keeps, and how finely: the most energy in so many bits.
///
/// Every pair can be had more or less finely rounded; what a finer rounding adds falls with every step, so taking the
/// step of most energy per bit of all pairs, again and again, is the best that whole steps can do.
public struct PairPlan: Sendable, Hashable {
  /// The largest code of every kept pair, by module, strongest pair first.
  public let largestCodes: [[Int]]

  /// A rounding of normally distributed numbers on both sides of a pair.
  private struct Level {
    /// The largest code in magnitude.
    let largestCode: Int
    /// Bits of a code behind an entropy coder.
    let bits: Double
    /// The share of the pair's energy that it keeps.
    let kept: Double
  }

  /// Bits are the entropies of codes with the step of least error and what zstd misses of them, 8% on the demo adapters;
  /// shares were measured on random pairs coded one side after the other.
  private static let levels = [
    Level(largestCode: 1, bits: 1.67, kept: 0.715), Level(largestCode: 2, bits: 2.37, kept: 0.88),
    Level(largestCode: 3, bits: 2.83, kept: 0.937), Level(largestCode: 5, bits: 3.45, kept: 0.974),
    Level(largestCode: 7, bits: 3.89, kept: 0.986), Level(largestCode: 10, bits: 4.35, kept: 0.992),
    Level(largestCode: 15, bits: 4.9, kept: 0.9958),
    Level(largestCode: 31, bits: 5.9, kept: 0.9988),
  ]

  /// The same number of pairs in every module, as far as it has them.
  public init(count: Int, of available: [Int], largestCode: Int) {
    largestCodes = available.map { Array(repeating: largestCode, count: min(count, $0)) }
  }

  /// As many pairs as `bytes` hold, those first that serve most.
  ///
  /// - Parameters:
  ///   - energies: of each module's pairs, descending.
  ///   - features: numbers of one pair of each module.
  ///   - limit: the largest code at most.
  public init(energies: [[Double]], features: [Int], bytes: Int, limit: Int) {
    let levels = PairPlan.levels.filter { $0.largestCode <= limit }
    var steps: [(module: Int, level: Int, bits: Double, slope: Double)] = []
    for (module, pairs) in energies.enumerated() {
      for energy in pairs {
        var last = Level(largestCode: 0, bits: 0, kept: 0)
        for (index, level) in levels.enumerated() {
          let bits = (level.bits - last.bits) * Double(features[module])
          steps.append((module, index, bits, energy * (level.kept - last.kept) / bits))
          last = level
        }
      }
    }
    // Slopes fall along a pair's levels and a module's pairs, and the sort is stable: a module's first pair that has
    // the level before is the one that a step belongs to.
    steps.sort { $0.slope > $1.slope }
    var codes = energies.map { _ in [Int]() }
    var left = Double(bytes) * 8
    for step in steps {
      guard step.bits <= left else { break }
      left -= step.bits
      if step.level == 0 {
        codes[step.module].append(levels[0].largestCode)
      } else if let pair = codes[step.module].firstIndex(of: levels[step.level - 1].largestCode) {
        codes[step.module][pair] = levels[step.level].largestCode
      }
    }
    largestCodes = codes
  }
}
