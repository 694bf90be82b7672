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
    memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * stride, alignment: 64)
    pointer = memory.bindMemory(to: Element.self, capacity: max(count, 1))
  }

  deinit { memory.deallocate() }
}
