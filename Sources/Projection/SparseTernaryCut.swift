public import Adapters

/// An adapter's modules cut to sparse values of one density, and what that takes.
public struct SparseTernaryCut: Sendable {
  /// The share of entries kept of every factor, 0…1.
  public let density: Double
  /// Levels of magnitude: 1 for signs alone.
  public let levels: Int
  /// Bytes of positions, signs, magnitudes and scales.
  public let bytes: Int
  /// What a reader would see, in the order of the modules.
  public let updates: [LowRankUpdate]

  /// The densest cut of `modules` that `budget` bytes hold, found by halving; of density 0 where none does.
  ///
  /// - Parameter scaleBytes: What all scales take.
  public static func densest(
    _ modules: [SparseTernary], levels: Int, within budget: Int, scaleBytes: Int
  ) -> SparseTernaryCut {
    func cut(_ density: Double) -> SparseTernaryCut {
      let cuts = modules.map { $0.cut(density: density, largestCode: levels) }
      return SparseTernaryCut(
        density: density, levels: levels,
        bytes: (cuts.reduce(0) { $0 + $1.bits } + 7) / 8 + scaleBytes,
        updates: cuts.map(\.update))
    }
    let whole = cut(1)
    if whole.bytes <= budget { return whole }
    var (low, high) = (cut(0), 1.0)
    for _ in 0..<14 {
      let middle = cut((low.density + high) / 2)
      if middle.bytes <= budget { low = middle } else { high = middle.density }
    }
    return low
  }

  /// Of the densest cuts of every source in every number of levels the one of least `Σ ‖ΔW − ΔW̃‖²`; nil without sources.
  ///
  /// With scales of least squares a cut is orthogonal to its error, so that `‖ΔW − ΔW̃‖² = ‖ΔW‖² − ‖ΔW̃‖²`.
  ///
  /// - Parameters:
  ///   - sources: Factors of the same updates, such as those shipped and those balanced by SVD.
  ///   - scaleBytes: What a module's scales take, by its rank.
  public static func nearest(
    _ sources: [[LowRankUpdate]], levels: [Int], within budget: Int, scaleBytes: (Int) -> Int
  ) -> SparseTernaryCut? {
    var best: (energy: Double, cut: SparseTernaryCut)?
    for source in sources {
      let modules = source.map { SparseTernary($0) }
      for levels in levels {
        let cut = densest(
          modules, levels: levels, within: budget,
          scaleBytes: source.reduce(0) { $0 + scaleBytes($1.rank) })
        let energy = cut.updates.reduce(0) { $0 + $1.squaredNorm }
        if best.map({ energy > $0.energy }) ?? true { best = (energy, cut) }
      }
    }
    return best?.cut
  }
}
