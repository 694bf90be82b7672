/// How much coarser than the best the scales of an artifact are, so that it fits its bytes.
///
/// Levels go on from module to module, an eighth of an octave each: of n modules, level n + 3 is one eighth in all of them
/// and another in the first three. Steps that fine leave nothing of a budget unused.
package struct Coarsening: Sendable, Hashable {
  /// Eighths of an octave, summed over modules.
  package let level: Int
  /// Modules of the artifact.
  package let moduleCount: Int

  package init(level: Int, moduleCount: Int) {
    self.level = level
    self.moduleCount = moduleCount
  }

  /// Scales as they serve best.
  package static let none = Coarsening(level: 0, moduleCount: 1)

  /// Beyond two octaves nothing of the latents is left to be stored.
  static let mostEighths = 16

  /// Eighths of an octave in the module at `index`.
  package subscript(index: Int) -> Int {
    level / max(moduleCount, 1) + (index < level % max(moduleCount, 1) ? 1 : 0)
  }

  /// In words, for the record.
  package var description: String {
    let (all, some) = (level / max(moduleCount, 1), level % max(moduleCount, 1))
    switch (all, some) {
    case (0, 0): return "best"
    case (_, 0): return "\(all) eighths of an octave coarser than the best, for the budget"
    default:
      return
        "\(all) eighths of an octave coarser than the best, one more in \(some) of \(moduleCount) modules, for the budget"
    }
  }
}
