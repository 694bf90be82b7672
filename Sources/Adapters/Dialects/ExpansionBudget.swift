import Faults
import Glibc

/// How many numbers products of small tensors may grow to: a file of a few bytes can name a matrix of
/// any size.
///
/// One budget serves all modules of an adapter.
struct ExpansionBudget {
  private var left: Int
  private let total: Int

  /// Half of `memory` bytes, or of what the machine and this process's limits allow, as Float32.
  init(memory: Int?) {
    self.init(elements: (memory ?? ExpansionBudget.available) / 8)
  }

  /// A budget of so many numbers.
  init(elements: Int) { (left, total) = (elements, elements) }

  /// Takes `rank · (outFeatures + inFeatures)` numbers for good, and asks for `temporary` ones beside them.
  ///
  /// - Throws: 71 `MEM-BUDGET` when that is more than is left.
  mutating func spend(
    rank: Int, outFeatures: Int, inFeatures: Int, temporary: Int = 0, module: String
  ) throws(Fault) {
    let (sum, first) = outFeatures.addingReportingOverflow(inFeatures)
    let (count, second) = sum.multipliedReportingOverflow(by: rank)
    let (peak, third) = count.addingReportingOverflow(temporary)
    guard !first, !second, !third, peak <= left else {
      throw Fault(
        .resources, "MEM-BUDGET",
        "factors of rank \(rank) for a weight of [\(outFeatures), \(inFeatures)] grow beyond what is left of "
          + "\(total / (1 << 18)) MiB, half of the memory budget; --memory sets it", tensor: module)
    }
    left -= count
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
