import Faults
import Glibc

/// How many numbers products of small tensors may grow to: a file of a few bytes can name a matrix of
/// any size.
///
/// All modules of an adapter are admitted together, before the first is made.
struct ExpansionBudget {
  private let total: Int

  /// Half of `memory` bytes, or of what the machine and this process's limits allow, as Float32.
  init(memory: Int?) { total = (memory ?? ExpansionBudget.available) / 8 }

  /// Admits what all modules keep and the largest of what one needs for a time.
  ///
  /// - Throws: 71 `MEM-BUDGET` with the sum and the budget when that is more than there is.
  func admit(_ expansions: [Expansion]) throws(Fault) {
    var sum = expansions.reduce(0) { Expansion.sum($0, $1.kept) }
    sum = Expansion.sum(sum, expansions.reduce(0) { max($0, $1.temporary) })
    guard sum > total else { return }
    let (wanted, budget) = (Expansion.product(sum, 4), total * 4)
    throw Fault(
      .resources, "MEM-BUDGET",
      "the factors of \(expansions.count) modules grow to "
        + "\(wanted == .max ? "more bytes than can be counted" : "\(wanted) bytes"), more than \(budget), half of "
        + "the memory budget; --memory sets it")
  }

  /// Bytes of the machine's memory or of this process's limit, whichever is less.
  private static var available: Int {
    let (bytes, unknown) = Int(sysconf(Int32(_SC_PHYS_PAGES)))
      .multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
    var least = unknown || bytes <= 0 ? 1 << 31 : bytes
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
      let bytes = Int(exactly: limit.rlim_cur)
    {
      least = min(least, bytes)
    }
    return least
  }
}
