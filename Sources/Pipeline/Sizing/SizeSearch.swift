/// Looks for the setting whose size comes nearest to a limit without passing it: a secant between the largest setting known
/// to fit and the smallest known not to.
///
/// Sizes grow with settings, nearly in proportion; every one of them is expensive to find out.
package struct SizeSearch {
  /// What is not to be passed.
  let limit: Int
  /// The share of the limit that is good enough.
  let enough: Double
  /// The setting to try next.
  package private(set) var next: Double
  private var low: (setting: Double, size: Double)
  private var high: (setting: Double, size: Double)?

  /// A search that begins at `first`.
  package init(limit: Int, first: Double, enough: Double = 0.995) {
    self.limit = limit
    self.enough = enough
    next = first
    low = (0, 0)
  }

  /// Takes the size that ``next`` came to; whether another one is worth trying.
  ///
  /// nil is the size of nothing: too small a setting.
  package mutating func found(_ size: Int?) -> Bool {
    let point = (setting: next, size: Double(size ?? 0))
    guard let size, size <= limit else {
      if size == nil { low = point } else { high = point }
      next = between()
      return true
    }
    low = point
    if Double(size) >= enough * Double(limit) { return false }
    next = between()
    return high.map { $0.setting - low.setting > 1e-3 * $0.setting } ?? true
  }

  private func between() -> Double {
    let aim = 0.9985 * Double(limit)
    guard let high else {
      // Fixed parts make sizes grow slower than settings.
      return low.size > 0
        ? low.setting * max(1.002, 1.05 * aim / low.size) : 2 * max(low.setting, 1)
    }
    guard high.size > low.size else { return (low.setting + high.setting) / 2 }
    let share =
      low.size > 0
      ? (aim - low.size) / (high.size - low.size) : aim / high.size * 0.98
    // Not too near either end, or a kink would take for ever.
    return low.setting + (high.setting - low.setting) * min(max(share, 0.1), 0.9)
  }
}
