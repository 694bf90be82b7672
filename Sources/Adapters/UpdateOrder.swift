import Checkpoints
import Faults

/// What every writer of adapters does to its updates first.
enum UpdateOrder {
  /// The updates in module order (`formats/loraxs.md` §4.1).
  ///
  /// - Throws: 70 `AD-WRITE` for no updates.
  static func sorted(_ updates: [LowRankUpdate]) throws(Fault) -> [LowRankUpdate] {
    guard !updates.isEmpty else { throw Fault(.internalError, "AD-WRITE", "no updates to write") }
    var places: [(order: ModuleOrder, update: LowRankUpdate)] = []
    for update in updates { places.append((try ModuleOrder(update.moduleName), update)) }
    return places.sorted { $0.order < $1.order }.map(\.update)
  }

  /// The most common s · rank that is not 0; the rank of the first update where all are.
  static func commonAlpha(_ updates: [LowRankUpdate]) -> Double {
    let alphas = updates.map { $0.scaling * Double($0.rank) }.filter { $0 != 0 }
    return alphas.isEmpty ? Double(updates[0].rank) : mostCommon(alphas)
  }

  /// The most frequent value, the first of them on ties; `values` is not empty.
  static func mostCommon<Value: Hashable>(_ values: [Value]) -> Value {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    var best = values[0]
    for value in values where counts[value, default: 0] > counts[best, default: 0] { best = value }
    return best
  }
}
