internal import Faults
internal import Glibc

/// Refuses a tensor whose decoded values cannot fit in this machine's memory: Swift cannot recover
/// from a failed allocation, so the question is asked before.
enum MemoryGuard {
  /// Checks that `elements` Float32 values fit.
  ///
  /// - Throws: 71 `MEM-TENSOR`.
  static func check(elements: Int, path: String, tensor: String) throws(Fault) {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageBytes = sysconf(Int32(_SC_PAGESIZE))
    let (memory, unknown) = pages.multipliedReportingOverflow(by: pageBytes)
    let (bytes, overflow) = elements.multipliedReportingOverflow(by: 4)
    guard overflow || (!unknown && memory > 0 && bytes > memory) else { return }
    throw Fault(
      .resources, "MEM-TENSOR",
      "\(elements) values need \(overflow ? "over 2^63" : String(bytes)) bytes, the machine has "
        + "\(memory)",
      path: path, tensor: tensor)
  }
}
