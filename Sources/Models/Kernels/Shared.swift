/// A pointer handed to parallel kernels, which touch disjoint ranges through it.
///
/// `@unchecked Sendable`: the kernel that wraps a pointer guarantees disjoint writes.
struct Shared<Pointer>: @unchecked Sendable {
  let pointer: Pointer

  init(_ pointer: Pointer) {
    self.pointer = pointer
  }
}
