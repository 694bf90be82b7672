internal import Faults
internal import Glibc

/// Memory for decoded weights.
enum WeightMemory {
  /// Bytes of a file that are read before they are decoded: they and their values stay in the cache.
  static let pieceByteCount = 1 << 18

  /// An array of `count` values, all of which `fill` writes.
  static func floats(
    count: Int, _ fill: (UnsafeMutableBufferPointer<Float>) throws(Fault) -> Void
  ) throws(Fault) -> [Float] {
    var failure: Fault?
    let values = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      let wanted = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
      requestLargePages(UnsafeMutableRawBufferPointer(wanted))
      do throws(Fault) {
        try fill(wanted)
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }

  /// Asks for pages of 2 MiB.
  ///
  /// New memory comes a page at a time when first written, and with pages of 4 kB that takes several times
  /// as long as decoding. Where the request is not heeded, nothing else changes.
  private static func requestLargePages(_ buffer: UnsafeMutableRawBufferPointer) {
    let page = Int(getpagesize())
    guard let start = buffer.baseAddress, buffer.count >= 4 << 20, page > 0 else { return }
    let skipped = (page - Int(bitPattern: start) & (page - 1)) & (page - 1)
    _ = madvise(start + skipped, (buffer.count - skipped) & ~(page - 1), MADV_HUGEPAGE)
  }
}
