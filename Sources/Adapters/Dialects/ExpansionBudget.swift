import Faults
import Glibc

/// How many numbers products of small tensors may grow to: a file of a few bytes can name a matrix of
/// any size.
struct ExpansionBudget {
  private var left: Int

  /// Half of the machine's memory, as Float32.
  init() {
    let (bytes, unknown) = Int(sysconf(Int32(_SC_PHYS_PAGES)))
      .multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
    left = unknown || bytes <= 0 ? 1 << 28 : bytes / 8
  }

  /// A budget of so many numbers.
  init(elements: Int) { left = elements }

  /// Takes `rank · (outFeatures + inFeatures)` numbers.
  ///
  /// - Throws: 71 `MEM-TENSOR` when that is more than is left.
  mutating func spend(
    rank: Int, outFeatures: Int, inFeatures: Int, module: String
  ) throws(Fault) {
    let (sum, first) = outFeatures.addingReportingOverflow(inFeatures)
    let (count, second) = sum.multipliedReportingOverflow(by: rank)
    guard !first, !second, count <= left else {
      throw Fault(
        .resources, "MEM-TENSOR",
        "factors of rank \(rank) for a weight of [\(outFeatures), \(inFeatures)] do not fit in "
          + "half of this machine's memory", tensor: module)
    }
    left -= count
  }
}
