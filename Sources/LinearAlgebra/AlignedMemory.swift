/// Owned memory on cache-line boundaries for kernels; trivial elements only.
///
/// `@unchecked Sendable`: written while it is made, by kernels to disjoint parts, and only read afterwards.
final class AlignedMemory<Element: BitwiseCopyable>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int
  private let memory: UnsafeMutableRawPointer

  /// `count` elements, not initialised.
  init(count: Int) {
    self.count = count
    let stride = MemoryLayout<Element>.stride
    // A request for aligned memory would not fit into what an equal one has given back.
    memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * stride + 64, alignment: 1)
    pointer = memory.alignedUp(toMultipleOf: 64).bindMemory(
      to: Element.self, capacity: max(count, 1))
  }

  deinit { memory.deallocate() }
}
